-- What the functions of the API check and read alike.

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

CREATE FUNCTION prebuilds.require_name(argument text, name text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name IS NULL THEN
        PERFORM prebuilds.refuse_null(argument);
    ELSIF name = '' OR char_length(name) > 64 THEN
        RAISE EXCEPTION '% "%" is empty or too long', argument, left(name, 64)
            USING ERRCODE = '22023', DETAIL = format('It has %s characters.', char_length(name)),
                  HINT = 'Names have 1 to 64 characters.';
    END IF;
END
$$;
COMMENT ON FUNCTION prebuilds.require_name(text, text) IS 'Error 22023 unless the argument has 1 to 64 characters';

CREATE FUNCTION prebuilds.instant(as_of timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF as_of IS NULL THEN
        RETURN clock_timestamp();
    END IF;
    PERFORM prebuilds.require_operator_for(as_of);
    IF NOT isfinite(as_of) THEN
        RAISE EXCEPTION 'as_of % is not an instant', as_of
            USING ERRCODE = '22023', HINT = 'Pass a finite time, or NULL for now.';
    END IF;
    RETURN as_of;
END
$$;
COMMENT ON FUNCTION prebuilds.instant(timestamptz) IS
    'The now of a call: as_of, which is for operators, else the clock. Errors: 42501, 22023';

CREATE FUNCTION prebuilds.setting(name text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Without preload the settings exist only once the library is in this session: any of its functions will do.
    PERFORM prebuilds.caller();
    RETURN current_setting('prebuilds.' || name);
END
$$;
COMMENT ON FUNCTION prebuilds.setting(text) IS 'The value of a setting of ours, named without its prefix';

CREATE FUNCTION prebuilds.nanoseconds(ttl interval) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF ttl IS NULL THEN
        RETURN NULL;
    END IF;
    -- A hundred years fit into bigint nanoseconds with room to spare.
    IF NOT isfinite(ttl) OR ttl < interval '0' OR ttl > interval '100 years' THEN
        RAISE EXCEPTION 'ttl % is out of range', ttl
            USING ERRCODE = '22023', HINT = 'Allowed is 0 (the workspace never stops by itself) to 100 years.';
    END IF;
    RETURN (extract(epoch FROM ttl) * 1000000000)::bigint;
END
$$;
COMMENT ON FUNCTION prebuilds.nanoseconds(interval) IS 'A ttl as Coder stores it. Errors: 22023 (negative, over 100 years)';
