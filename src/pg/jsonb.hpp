// Values of type jsonb, made and read member by member.
#pragma once

#include "pg/datum.hpp"

namespace prebuilds::pg {

// An object, or an array of objects. Texts have to live until the result. Only inside of call().
class JsonbBuilder {
 public:
  void begin_array() { push(WJB_BEGIN_ARRAY); }
  void end_array() { push(WJB_END_ARRAY); }
  void begin_object() { push(WJB_BEGIN_OBJECT); }
  void end_object() { push(WJB_END_OBJECT); }

  void add(std::string_view key, std::string_view text) {
    push_text(WJB_KEY, key);
    push_text(WJB_VALUE, text);
  }
  void add(std::string_view key, std::int64_t number) {
    push_text(WJB_KEY, key);
    JsonbValue value{};
    value.type = jbvNumeric;
    value.val.numeric = int64_to_numeric(number);
    push(WJB_VALUE, &value);
  }
  void add(std::string_view key, const core::Uuid &uuid) {
    add(key, DatumGetCString(DirectFunctionCall1(uuid_out, PointerGetDatum(uuid.bytes.data()))));
  }
  void add_null(std::string_view key) {
    push_text(WJB_KEY, key);
    JsonbValue value{};
    value.type = jbvNull;
    push(WJB_VALUE, &value);
  }

  // What was built, in palloc'd memory.
  Datum result() const { return JsonbPGetDatum(JsonbValueToJsonb(last_)); }

 private:
  void push(JsonbIteratorToken token, JsonbValue *value = nullptr) {
    last_ = pushJsonbValue(&state_, token, value);
  }
  void push_text(JsonbIteratorToken token, std::string_view text) {
    JsonbValue value{};
    value.type = jbvString;
    value.val.string.val = const_cast<char *>(text.data());  // it is only read
    value.val.string.len = static_cast<int>(text.size());
    push(token, &value);
  }

  JsonbParseState *state_ = nullptr;
  JsonbValue *last_ = nullptr;
};

// A member of an object; null if there is none, or the value is no object. Only inside of call().
inline const JsonbValue *find_member(Datum json, std::string_view key) {
  Jsonb *object = DatumGetJsonbP(json);
  if (!JB_ROOT_IS_OBJECT(object)) return nullptr;
  return getKeyJsonValueFromContainer(&object->root, key.data(), static_cast<int>(key.size()), nullptr);
}

// A member of an object that is a string; none if there is no such. It lives as long as the value. Only
// inside of call().
inline std::optional<std::string_view> text_member(Datum json, std::string_view key) {
  const JsonbValue *value = find_member(json, key);
  if (value == nullptr || value->type != jbvString) return std::nullopt;
  return std::string_view(value->val.string.val, static_cast<std::size_t>(value->val.string.len));
}

}  // namespace prebuilds::pg
