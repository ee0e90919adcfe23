-- What the functions of the API check and read alike. A check is an expression that PostgreSQL inlines and PL/pgSQL
-- evaluates without a statement: it returns what it has checked. What it calls when something is wrong raises the error.

CREATE FUNCTION prebuilds.refuse_null(argument text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% must not be null', argument
        USING ERRCODE = '22023', HINT = format('Give a value for %s.', argument);
END
$$;
COMMENT ON FUNCTION prebuilds.refuse_null(text) IS 'Error 22023: the argument of this name is NULL';

CREATE FUNCTION prebuilds.refuse_unknown(kind text, id uuid) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% % does not exist', kind, id
        USING ERRCODE = 'P0002', HINT = format('Pass the id of an existing %s.', kind);
END
$$;
COMMENT ON FUNCTION prebuilds.refuse_unknown(text, uuid) IS 'Error P0002: there is no such thing with this id';

CREATE FUNCTION prebuilds.refuse_name(argument text, name text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name IS NULL THEN
        PERFORM prebuilds.refuse_null(argument);
    END IF;
    RAISE EXCEPTION '% "%" is empty or too long', argument, left(name, 64)
        USING ERRCODE = '22023', DETAIL = format('It has %s characters.', char_length(name)),
              HINT = 'Names have 1 to 64 characters.';
END
$$;
CREATE FUNCTION prebuilds.required_name(argument text, name text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN char_length(name) BETWEEN 1 AND 64 THEN name ELSE prebuilds.refuse_name(argument, name) END;
COMMENT ON FUNCTION prebuilds.refuse_name(text, text) IS 'Error 22023: the argument has not 1 to 64 characters';
COMMENT ON FUNCTION prebuilds.required_name(text, text) IS 'The argument. Error 22023 unless it has 1 to 64 characters';

CREATE FUNCTION prebuilds.required_instant(as_of timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM prebuilds.require_operator_for(as_of);
    IF NOT isfinite(as_of) THEN
        RAISE EXCEPTION 'as_of % is not an instant', as_of
            USING ERRCODE = '22023', HINT = 'Pass a finite time, or NULL for now.';
    END IF;
    RETURN as_of;
END
$$;
CREATE FUNCTION prebuilds.instant(as_of timestamptz) RETURNS timestamptz
    LANGUAGE sql VOLATILE
    RETURN CASE WHEN as_of IS NULL THEN clock_timestamp() ELSE prebuilds.required_instant(as_of) END;
COMMENT ON FUNCTION prebuilds.required_instant(timestamptz) IS 'The now of a call that an operator has chosen';
COMMENT ON FUNCTION prebuilds.instant(timestamptz) IS
    'The now of a call: as_of, which is for operators, else the clock. Errors: 42501, 22023';

-- Without preload the settings exist only once the library is in this session: any of its functions will do.
CREATE FUNCTION prebuilds.setting(name text) RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN CASE WHEN prebuilds.caller() IS NOT NULL
                THEN pg_catalog.current_setting('prebuilds.' OPERATOR(pg_catalog.||) name) END;
COMMENT ON FUNCTION prebuilds.setting(text) IS 'The value of a setting of ours, named without its prefix';

CREATE FUNCTION prebuilds.nanoseconds(ttl interval) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A hundred years fit into bigint nanoseconds with room to spare.
    IF NOT isfinite(ttl) OR ttl < interval '0' OR ttl > interval '100 years' THEN
        RAISE EXCEPTION 'ttl % is out of range', ttl
            USING ERRCODE = '22023', HINT = 'Allowed is 0 (the workspace never stops by itself) to 100 years.';
    END IF;
    RETURN (extract(epoch FROM ttl) * 1000000000)::bigint;
END
$$;
COMMENT ON FUNCTION prebuilds.nanoseconds(interval) IS 'A ttl as Coder stores it. Errors: 22023 (negative, over 100 years)';
