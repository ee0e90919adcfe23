#include "checks/preset_values.hpp"

#include "checks/parameters.hpp"
#include "pg/index_scan.hpp"
#include "pg/scratch.hpp"

namespace prebuilds::checks {

namespace {

// Valid until the next one is read.
struct Declared {
  Datum name;
  int display_order;
  Parameter parameter;
};

// The two tables, and the columns that matter. Only inside of call().
class Sources {
 public:
  void start(const PresetOfVersion &preset) {
    parameters_.start(preset.template_version);
    values_.start(preset.preset);
    at_value_ = values_.next();
  }

  // The next parameter of the version, by name, with the preset's value.
  std::optional<Declared> next() {
    CHECK_FOR_INTERRUPTS();
    if (!parameters_.next()) return std::nullopt;
    const Datum name = parameters_.value(name_);
    return Declared{.name = name,
                    .display_order = DatumGetInt32(parameters_.value(display_order_)),
                    .parameter = {.value = value_of(name),
                                  .required = DatumGetBool(parameters_.value(required_)),
                                  .default_value = parameters_.value(default_value_),
                                  .options = parameters_.value(options_),
                                  .validation_regex = parameters_.value(validation_regex_)}};
  }

  void end() {
    parameters_.end();
    values_.end();
  }

 private:
  // Values come in the order of their names, too.
  std::optional<Datum> value_of(Datum name) {
    int order = -1;
    while (at_value_ && (order = pg::compare(values_.value(value_name_), name)) < 0)
      at_value_ = values_.next();
    return at_value_ && order == 0 ? std::optional(values_.value(value_)) : std::nullopt;
  }

  pg::IndexScan parameters_{"template_version_parameters",
                            "template_version_parameters_template_version_id_name_key"};
  AttrNumber name_ = parameters_.column("name");
  AttrNumber required_ = parameters_.column("required");
  AttrNumber default_value_ = parameters_.column("default_value");
  AttrNumber options_ = parameters_.column("options");
  AttrNumber validation_regex_ = parameters_.column("validation_regex");
  AttrNumber display_order_ = parameters_.column("display_order");

  pg::IndexScan values_{"template_version_preset_parameters",
                        "template_version_preset_param_template_version_preset_id_na_key"};
  AttrNumber value_name_ = values_.column("name");
  AttrNumber value_ = values_.column("value");
  bool at_value_ = false;
};
static_assert(std::is_trivially_destructible_v<Sources>);

std::optional<std::string> first_problem(Sources &sources, const PresetOfVersion &preset,
                                         pg::Scratch &memory) {
  std::optional<std::string> first;
  int first_order = 0;
  pg::call([&] { sources.start(preset); });
  while (const auto declared = pg::call([&] { return sources.next(); })) {
    // They come in the order of their names.
    if (first && declared->display_order >= first_order) continue;
    memory.use([&] {
      if (const auto problem = parameter_problem(declared->parameter)) {
        first = "parameter \"" + pg::to_string(declared->name) + "\": " + *problem;
        first_order = declared->display_order;
      }
    });
  }
  return first;
}

}  // namespace

std::vector<std::optional<std::string>> preset_problems(std::span<const PresetOfVersion> presets) {
  std::vector<std::optional<std::string>> problems;
  if (presets.empty()) return problems;
  problems.reserve(presets.size());
  pg::Scratch memory;
  Sources sources = pg::call([] { return Sources(); });
  for (const PresetOfVersion &preset : presets) problems.push_back(first_problem(sources, preset, memory));
  pg::call([&] { sources.end(); });
  return problems;
}

}  // namespace prebuilds::checks
