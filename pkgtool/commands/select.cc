#include <nlohmann/json.hpp>
#include <optional>

#include "format/text.h"
#include "pkgtool/commands/commands.h"
#include "pkgtool/device_filter.h"
#include "pkgtool/file.h"
#include "pkgtool/product.h"
#include "pkgtool/report.h"
#include "pkgtool/selection.h"
#include "pkgtool/super_builder.h"

namespace romdelta::pkgtool {
namespace {

using Json = nlohmann::ordered_json;
using cli::text_of;

struct Options {
  std::string inventory_path;
  std::string catalog_path;
  TrustOptions trust;
  std::string product_path;
  std::string release;
  std::vector<std::string> wanted;
  // What the report does not say, or says otherwise.
  std::string vendor;
  std::string model;
  std::optional<std::uint32_t> hardware;
  std::optional<std::uint64_t> ram_bytes;
  std::optional<std::uint64_t> scratch_bytes;
  std::string output_path;
  SignerOptions signer;
  ReportFormat format = ReportFormat::text;
};

// --want, --release: as the command line has them.
WantedVersions parse_wanted(const Options& options) {
  WantedVersions wanted;
  for (const std::string& pair : options.wanted) {
    const std::size_t equal = pair.find('=');
    const std::string package_id = pair.substr(0, equal);
    const std::string version = equal == std::string::npos ? "" : pair.substr(equal + 1);
    if (!is_valid_package_id(package_id) || !is_valid_version(version)) {
      throw Error(Exit::usage, "'" + printable(pair) + "' is not ID=VERSION", "--want");
    }
    wanted[package_id] = version;
  }
  if (!wanted.empty() || !options.release.empty()) return wanted;
  throw Error(Exit::usage, "no version is wanted", {},
              "give --want ID=VERSION, or --release VERSION");
}

WantedVersions product_versions(const Options& options) {
  const Product product = read_product(options.product_path);
  const Release* release = product.release(options.release);
  if (release == nullptr) {
    throw Error(Exit::usage, options.product_path + " has no release '" + options.release + "'",
                "--release", "its [[release]] tables name the versions");
  }
  WantedVersions wanted;
  for (const auto& [package_id, image] : release->images) wanted[package_id] = image.version;
  return wanted;
}

WantedVersions catalog_versions(const Options& options, const Catalog& catalog) {
  if (auto wanted = wanted_by_release(catalog, options.release)) return *wanted;
  throw Error(Exit::usage, "no super package in the catalog is release '" + options.release + "'",
              "--release", "give --product PRODUCT.toml, which says what the release is");
}

void complete_traits(const Options& options, DeviceTraits* device) {
  const auto name = [](const std::string& text, const char* option,
                       std::optional<std::string>* trait) {
    IdentityName checked;
    if (text.empty()) return;
    if (!parse_name(text, &checked)) {
      throw Error(Exit::usage, "'" + printable(text) + "' is not a name", option, kNameHint);
    }
    *trait = text;
  };
  name(options.vendor, "--vendor", &device->vendor);
  name(options.model, "--model", &device->model);
  if (options.hardware) device->hardware = options.hardware;
  if (options.ram_bytes) device->ram_bytes = options.ram_bytes;
  if (options.scratch_bytes) device->scratch_bytes = options.scratch_bytes;
}

const char* kind_of(const SelectedStep& step) {
  if (step.super != nullptr) return "member";
  return step.package->head.manifest.is_full() ? "full" : "delta";
}

std::string counted(std::size_t count, const char* one) {
  return std::to_string(count) + ' ' + one + (count == 1 ? "" : "s");
}

// The files of a round: one super package, or packages.
std::vector<std::string> files_of(const Round& round) {
  if (round.front().super != nullptr) return {printable(round.front().path())};
  std::vector<std::string> files;
  for (const SelectedStep& step : round) files.push_back(printable(step.path()));
  return files;
}

class SelectReport {
 public:
  SelectReport(const Selection& selection, Context& context)
      : selection_(selection), context_(context) {}

  void text() const {
    for (const PackageSelection& package : selection_.packages) package_text(package);
    if (!selection_.is_complete()) {
      context_.out << "not all that is wanted can be reached\n";
      return;
    }
    if (selection_.rounds.empty()) {
      context_.out << "nothing to do\n";
      return;
    }
    std::size_t count = 0;
    for (const Round& round : selection_.rounds) count += files_of(round).size();
    context_.out << "to be installed, " << counted(count, "file") << ", "
                 << with_separators(selection_.file_bytes) << " bytes:\n";
    for (const Round& round : selection_.rounds) {
      for (const std::string& file : files_of(round)) context_.out << "  " << file << '\n';
    }
  }

  void json() const {
    Json list = Json::array();
    for (const PackageSelection& package : selection_.packages) list.push_back(entry(package));
    Json rounds = Json::array();
    for (const Round& round : selection_.rounds) rounds.push_back(files_of(round));
    context_.out << Json{{"schema", 1},
                         {"reached", selection_.is_complete()},
                         {"file_bytes", selection_.file_bytes},
                         {"packages", std::move(list)},
                         {"rounds", std::move(rounds)}}
                        .dump(2)
                 << '\n';
  }

 private:
  static Json entry(const PackageSelection& package) {
    Json steps = Json::array();
    for (const SelectedStep& step : package.steps) steps.push_back(step_json(step));
    Json json{{"package_id", package.package_id}};
    json["source_version"] = package.source_version.empty() ? Json() : Json(package.source_version);
    json["target_version"] = package.target_version.empty() ? Json() : Json(package.target_version);
    json["reached"] = package.is_reached();
    json["steps"] = std::move(steps);
    json["reasons"] = package.reasons;
    return json;
  }

  static Json step_json(const SelectedStep& step) {
    return {{"file", printable(step.path())},
            {"kind", kind_of(step)},
            {"source_version", step.source_version},
            {"target_version", text_of(step.package->head.manifest.target.version.view())},
            {"file_bytes", step.package->file_bytes},
            {"manifest_digest", cli::to_hex(step.package->head.manifest_digest.value)}};
  }

  void package_text(const PackageSelection& package) const {
    context_.out << package.package_id << "  "
                 << (package.source_version.empty() ? "none" : package.source_version);
    if (!package.target_version.empty()) context_.out << " -> " << package.target_version;
    if (!package.is_reached()) {
      context_.out << "  cannot be reached\n";
      for (const std::string& reason : package.reasons) context_.out << "  " << reason << '\n';
      return;
    }
    context_.out << (package.steps.empty() ? "  nothing to do\n" : "\n");
    for (const SelectedStep& step : package.steps) {
      context_.out << "  " << step.source_version << " -> "
                   << step.package->head.manifest.target.version.view() << "  " << kind_of(step)
                   << "  " << with_separators(step.package->file_bytes) << " bytes  "
                   << printable(step.path()) << '\n';
    }
  }

  const Selection& selection_;
  Context& context_;
};

// What was chosen, as one super package, where one can hold it.
void write_super(const Options& options, const Selection& selection, Context& context) {
  if (selection.rounds.empty()) {
    context.say("pkgtool: " + options.output_path + " is not written");
    return;
  }
  const Round& round = selection.rounds.front();
  if (selection.rounds.size() > 1) {
    throw Error(Exit::negative_answer, "one super package holds no chain of packages",
                options.output_path, "install the files in the order that is listed");
  }
  if (round.front().super != nullptr) {
    throw Error(Exit::negative_answer,
                "what was chosen is a super package already: " + printable(round.front().path()),
                options.output_path);
  }
  SuperRequest request;
  request.release = options.release;
  std::vector<std::unique_ptr<MappedFile>> files;
  for (const SelectedStep& step : round) {
    files.push_back(std::make_unique<MappedFile>(step.path()));
    request.packages.push_back({files.back()->bytes(), step.path()});
  }
  const std::unique_ptr<Signer> signer = options.signer.make();
  const UnsignedSuper super = build_super(request);
  SignatureList signatures;
  (void)signatures.insert(signer->sign(super.digest()));
  write_file(options.output_path, assemble(super, signatures));
}

void run(const Options& options, Context& context) {
  if (options.signer.given() == options.output_path.empty()) {
    throw Error(Exit::usage, "a super package has an output and a signer: give both, or none");
  }
  WantedVersions wanted = parse_wanted(options);
  // merge() keeps what is there: --want goes before the release.
  if (!options.product_path.empty()) wanted.merge(product_versions(options));
  const std::vector<PublicKey> keys = options.trust.load();
  DeviceReport report = read_device_report(options.inventory_path);
  complete_traits(options, &report.device);

  ProgressPrinter printer(context.progress, context.err);
  const Catalog catalog = read_catalog(
      options.catalog_path, keys, [&](const char* stage, std::uint64_t done, std::uint64_t total) {
        printer.update(stage, done, total);
      });
  printer.finish();
  for (const SkippedFile& skipped : catalog.skipped) {
    context.say("pkgtool: left out: " + printable(skipped.path) + ": " + skipped.reason);
  }
  if (catalog.packages.empty() && catalog.supers.empty()) {
    throw Error(Exit::bad_input, "no package could be read", options.catalog_path,
                "the catalog is a folder of .pku and .pks files");
  }
  if (!options.release.empty() && options.product_path.empty()) {
    wanted.merge(catalog_versions(options, catalog));
  }
  const Selection selection = select_packages(catalog, report, wanted);
  if (!selection.is_complete()) context.exit = Exit::negative_answer;
  const SelectReport result(selection, context);
  options.format == ReportFormat::json ? result.json() : result.text();
  if (selection.is_complete() && options.signer.given()) write_super(options, selection, context);
}

}  // namespace

void add_select(CLI::App& app, Context& context) {
  CLI::App* verb =
      app.add_subcommand("select", "Choose the packages that bring a device to wanted versions");
  auto options = std::make_shared<Options>();
  verb->add_option("--inventory", options->inventory_path, "What the device reported")
      ->type_name("INV.json")
      ->required();
  verb->add_option("--catalog", options->catalog_path, "Folder of packages")
      ->type_name("DIR")
      ->required();
  options->trust.add_to(*verb);
  verb->add_option("--want", options->wanted, "A version to be reached; may be given again")
      ->type_name("ID=VERSION")
      ->allow_extra_args(false);
  CLI::Option* release =
      verb->add_option("--release", options->release, "Release whose versions are wanted")
          ->type_name("VERSION");
  verb->add_option("--product", options->product_path,
                   "What the release is (else the super packages of the catalog say it)")
      ->type_name("PRODUCT.toml")
      ->needs(release);
  verb->add_option("--vendor", options->vendor, "The device's vendor")->group("Of the device");
  verb->add_option("--model", options->model, "The device's model")->group("Of the device");
  verb->add_option("--hardware", options->hardware, "The device's hardware revision")
      ->check(cli::not_negative)
      ->type_name("N")
      ->group("Of the device");
  const auto size = [&](const char* name, std::optional<std::uint64_t>* value, const char* help) {
    verb->add_option(name, *value, help)
        ->transform(CLI::AsSizeValue(false))
        ->transform(CLI::Validator([](std::string& text) { return cli::not_negative(text); }, ""))
        ->type_name("BYTES")
        ->group("Of the device");
  };
  size("--ram", &options->ram_bytes, "RAM that its installer may use");
  size("--scratch", &options->scratch_bytes, "Its scratch flash");
  options->signer.add_to(*verb);
  verb->add_option("-o,--output", options->output_path, "Make one super package of what was chosen")
      ->type_name("FILE.pks");
  cli::add_format(*verb, &options->format);
  verb->footer(
      "The fewest bytes count, then the fewest packages. Of the device counts what its report "
      "says,\n"
      "or these options where they are given; what neither says is not held against a package.\n"
      "Exit status 0: all versions can be reached; 1: not all, with the reasons.\n\n"
      "  installer --rom ROM.toml inventory --format json > INV.json\n"
      "  pkgtool select --inventory INV.json --catalog updates --trust release.pub \\\n"
      "      --want com.example.kernel=4.2.0\n"
      "  pkgtool select ... --key release.key -o device.pks       # one file, one result");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace romdelta::pkgtool
