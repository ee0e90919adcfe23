-- Reading JSON that callers hand in: every member is known, of its type and in its range, or the error says where
-- it is not. A member that is null counts as left out, as programs write it that have nothing to say. What reads is an
-- expression that PostgreSQL inlines; what it calls when something is wrong raises the error.

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

CREATE FUNCTION prebuilds.refuse_object(value jsonb, path text, members text[]) RETURNS jsonb
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
    SELECT k.key INTO unknown FROM jsonb_object_keys(value - members) AS k (key) LIMIT 1;
    PERFORM prebuilds.refuse_input(path, format('unknown member: "%s"', unknown),
                                   format('Members are %s.', array_to_string(members, ', ')));
END
$$;
CREATE FUNCTION prebuilds.required_object(value jsonb, path text, members text[]) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN CASE jsonb_typeof(value) WHEN 'object' THEN value - members <> '{}' ELSE value IS NOT NULL END
                THEN prebuilds.refuse_object(value, path, members) ELSE value END;
COMMENT ON FUNCTION prebuilds.refuse_object(jsonb, text, text[]) IS
    'Error 22023: the value is no JSON object, or has another member than these';
COMMENT ON FUNCTION prebuilds.required_object(jsonb, text, text[]) IS
    'The value. Error 22023 unless it is NULL, or a JSON object without other members than these';

CREATE FUNCTION prebuilds.has_member(object jsonb, member text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(jsonb_typeof(object -> member) <> 'null', false);
COMMENT ON FUNCTION prebuilds.has_member(jsonb, text) IS 'Whether the object has the member, and it is not null';

CREATE FUNCTION prebuilds.refuse_member(object jsonb, path text, member text, hint text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM prebuilds.refuse_input(path || '.' || member,
                                   format('invalid %s: %s', member, prebuilds.shown(object -> member)), hint);
END
$$;
COMMENT ON FUNCTION prebuilds.refuse_member(jsonb, text, text, text) IS
    'Error 22023 for a member of an object; in the place of its value';

CREATE FUNCTION prebuilds.typed_member(object jsonb, path text, member text, type text, hint text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE coalesce(jsonb_typeof(object -> member), 'null')
                WHEN type THEN object -> member
                WHEN 'null' THEN NULL
                ELSE prebuilds.refuse_member(object, path, member, hint)
           END;
COMMENT ON FUNCTION prebuilds.typed_member(jsonb, text, text, text, text) IS
    'A member of this type of JSON; NULL if left out. Errors: 22023 with this hint';

CREATE FUNCTION prebuilds.text_member(object jsonb, path text, member text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN prebuilds.typed_member(object, path, member, 'string', 'Give a JSON string.') #>> '{}';
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
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN prebuilds.typed_member(object, path, member, 'boolean', 'Give true or false.')::boolean;
COMMENT ON FUNCTION prebuilds.bool_member(jsonb, text, text) IS 'True or false; NULL if left out. Errors: 22023';

CREATE FUNCTION prebuilds.given_integer(object jsonb, path text, member text, low integer, high integer)
    RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number numeric;
BEGIN
    IF jsonb_typeof(object -> member) = 'number' THEN
        number := (object ->> member)::numeric;
    END IF;
    IF number IS NULL OR number <> trunc(number) OR number NOT BETWEEN low AND high THEN
        PERFORM prebuilds.refuse_member(object, path, member,
                                        format('Give a whole number from %s to %s.', low, high));
    END IF;
    RETURN number;
END
$$;
CREATE FUNCTION prebuilds.integer_member(object jsonb, path text, member text, low integer, high integer)
    RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN prebuilds.has_member(object, member)
                THEN prebuilds.given_integer(object, path, member, low, high) END;
COMMENT ON FUNCTION prebuilds.given_integer(jsonb, text, text, integer, integer) IS
    'The long way of prebuilds.integer_member, which is the one to call';
COMMENT ON FUNCTION prebuilds.integer_member(jsonb, text, text, integer, integer) IS
    'A whole number of the range; NULL if left out. Errors: 22023';

CREATE FUNCTION prebuilds.array_member(object jsonb, path text, member text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(prebuilds.typed_member(object, path, member, 'array', 'Give a JSON array.'), '[]');
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
