-- Reading JSON that callers hand in: every member is known, of its type and in its range, or the error says where
-- it is not. A member that is null counts as left out, as programs write it that have nothing to say.

CREATE FUNCTION prebuilds.refuse_input(path text, message text, hint text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '%', message USING ERRCODE = '22023', DETAIL = format('At %s.', path), HINT = hint;
END
$$;
COMMENT ON FUNCTION prebuilds.refuse_input(text, text, text) IS 'Error 22023 for what is found at a path of an argument';

CREATE FUNCTION prebuilds.shown(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN length(value::text) > 64 THEN left(value::text, 61) || '...' ELSE value::text END;
COMMENT ON FUNCTION prebuilds.shown(jsonb) IS 'A value for an error message: of a long one only the beginning';

CREATE FUNCTION prebuilds.check_object(value jsonb, path text, members text[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    IF jsonb_typeof(value) <> 'object' THEN
        PERFORM prebuilds.refuse_input(path, format('not a JSON object: %s', prebuilds.shown(value)),
                                       format('Members are %s.', array_to_string(members, ', ')));
    END IF;
    IF value - members <> '{}' THEN
        SELECT k.key INTO unknown FROM jsonb_object_keys(value - members) AS k (key) LIMIT 1;
        PERFORM prebuilds.refuse_input(path, format('unknown member: "%s"', unknown),
                                       format('Members are %s.', array_to_string(members, ', ')));
    END IF;
END
$$;
COMMENT ON FUNCTION prebuilds.check_object(jsonb, text, text[]) IS
    'Error 22023 unless the value is a JSON object without other members than these';

CREATE FUNCTION prebuilds.has_member(object jsonb, member text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(jsonb_typeof(object -> member) <> 'null', false);
COMMENT ON FUNCTION prebuilds.has_member(jsonb, text) IS 'Whether the object has the member, and it is not null';

CREATE FUNCTION prebuilds.text_member(object jsonb, path text, member text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF prebuilds.has_member(object, member) AND jsonb_typeof(object -> member) <> 'string' THEN
        PERFORM prebuilds.refuse_input(path || '.' || member,
                                       format('invalid %s: %s', member, prebuilds.shown(object -> member)),
                                       'Give a JSON string.');
    END IF;
    RETURN object ->> member;
END
$$;
COMMENT ON FUNCTION prebuilds.text_member(jsonb, text, text) IS 'A string; NULL if left out. Errors: 22023';

CREATE FUNCTION prebuilds.name_member(object jsonb, path text, member text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name constant text := coalesce(prebuilds.text_member(object, path, member), '');
BEGIN
    IF length(name) NOT BETWEEN 1 AND 64 THEN
        PERFORM prebuilds.refuse_input(path || '.' || member,
                                       CASE WHEN name = '' THEN format('%s is missing or empty', member)
                                            ELSE format('%s is too long: "%s..."', member, left(name, 61)) END,
                                       'Names have 1 to 64 characters.');
    END IF;
    RETURN name;
END
$$;
COMMENT ON FUNCTION prebuilds.name_member(jsonb, text, text) IS 'A name of 1 to 64 characters. Errors: 22023';

CREATE FUNCTION prebuilds.bool_member(object jsonb, path text, member text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF prebuilds.has_member(object, member) AND jsonb_typeof(object -> member) <> 'boolean' THEN
        PERFORM prebuilds.refuse_input(path || '.' || member,
                                       format('invalid %s: %s', member, prebuilds.shown(object -> member)),
                                       'Give true or false.');
    END IF;
    RETURN (object ->> member)::boolean;
END
$$;
COMMENT ON FUNCTION prebuilds.bool_member(jsonb, text, text) IS 'True or false; NULL if left out. Errors: 22023';

CREATE FUNCTION prebuilds.integer_member(object jsonb, path text, member text, low integer, high integer)
    RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number numeric;
BEGIN
    IF NOT prebuilds.has_member(object, member) THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(object -> member) = 'number' THEN
        number := (object ->> member)::numeric;
    END IF;
    IF number IS NULL OR number <> trunc(number) OR number NOT BETWEEN low AND high THEN
        PERFORM prebuilds.refuse_input(path || '.' || member,
                                       format('invalid %s: %s', member, prebuilds.shown(object -> member)),
                                       format('Give a whole number from %s to %s.', low, high));
    END IF;
    RETURN number;
END
$$;
COMMENT ON FUNCTION prebuilds.integer_member(jsonb, text, text, integer, integer) IS
    'A whole number of the range; NULL if left out. Errors: 22023';

CREATE FUNCTION prebuilds.array_member(object jsonb, path text, member text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT prebuilds.has_member(object, member) THEN
        RETURN '[]';
    END IF;
    IF jsonb_typeof(object -> member) <> 'array' THEN
        PERFORM prebuilds.refuse_input(path || '.' || member,
                                       format('invalid %s: %s', member, prebuilds.shown(object -> member)),
                                       'Give a JSON array.');
    END IF;
    RETURN object -> member;
END
$$;
COMMENT ON FUNCTION prebuilds.array_member(jsonb, text, text) IS 'An array; empty if left out. Errors: 22023';

CREATE FUNCTION prebuilds.texts_of(object jsonb, path text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
BEGIN
    IF jsonb_typeof(object) <> 'object' THEN
        PERFORM prebuilds.refuse_input(path, format('not a JSON object: %s', prebuilds.shown(object)),
                                       'Give an object of strings, numbers and booleans.');
    END IF;
    SELECT e.key INTO wrong FROM jsonb_each(object) AS e
    WHERE e.key = '' OR jsonb_typeof(e.value) NOT IN ('string', 'number', 'boolean') LIMIT 1;
    IF FOUND THEN
        PERFORM prebuilds.refuse_input(path || '.' || wrong,
                                       format('invalid value of "%s": %s', wrong, prebuilds.shown(object -> wrong)),
                                       'Give a name, and for it a string, a number or a boolean.');
    END IF;
    RETURN (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each_text(object) AS e);
END
$$;
COMMENT ON FUNCTION prebuilds.texts_of(jsonb, text) IS
    'An object of strings, numbers and booleans with each of them as text. Errors: 22023';
