#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "pkgtool/commands/build.h"
#include "pkgtool/file.h"
#include "pkgtool/produce.h"
#include "pkgtool/product.h"

namespace romdelta::pkgtool {
namespace {

using Json = nlohmann::ordered_json;

// What becomes of one version of a ROM package.
struct Step {
  const RomPackage* package = nullptr;
  const RomImage* source = nullptr;  // Null: none.
  const RomImage* target = nullptr;  // Null: the target release has none.
  std::string file_name;             // Empty: nothing to build.
  std::string result;                // "delta", "full", "unchanged" or "absent".
  std::uint64_t file_bytes = 0;
  std::uint64_t ram_bytes = 0;
};

std::string version_of(const RomImage* image) { return image == nullptr ? "none" : image->version; }
Json version_json(const RomImage* image) {
  return image == nullptr ? Json() : Json(image->version);
}

const Release& find_release(const Product& product, const BuildOptions& options,
                            const std::string& version, const char* option) {
  if (const Release* release = product.release(version)) return *release;
  throw Error(Exit::usage, options.product_path + " has no release '" + version + "'", option,
              "its [[release]] tables name the versions");
}

const RomImage* image_of(const Release* release, const std::string& package_id) {
  if (release == nullptr) return nullptr;
  const auto found = release->images.find(package_id);
  return found == release->images.end() ? nullptr : &found->second;
}

// A device could not tell two contents of one version apart.
bool is_unchanged(const RomImage& source, const RomImage& target, const std::string& package_id) {
  if (source.version != target.version) return false;
  if (std::ranges::equal(MappedFile(source.path).bytes(), MappedFile(target.path).bytes())) {
    return true;
  }
  throw Error(Exit::bad_input,
              "both releases say version " + target.version + " of " + package_id +
                  ", but the images differ",
              target.path, "give the new image a version of its own");
}

class ReleaseBuild {
 public:
  ReleaseBuild(const BuildOptions& options, Context& context)
      : options_(options), context_(context), product_(read_product(options.product_path)) {
    target_ = &find_release(product_, options, options.target, "--target");
    if (!options.source.empty()) {
      source_ = &find_release(product_, options, options.source, "--source");
    }
  }

  void run() {
    plan();
    const std::unique_ptr<Signer> signer = options_.make_signer();
    make_folder();
    for (Step& step : steps_) {
      if (!step.file_name.empty()) build(&step, signer.get());
    }
    report();
  }

 private:
  // Everything that can be refused is refused here, before the long work.
  void plan() {
    for (const RomPackage& package : product_.packages) {
      const RomImage* source = image_of(source_, package.id);
      const RomImage* target = image_of(target_, package.id);
      for (const RomImage* image : {source, target}) {
        if (image != nullptr) (void)MappedFile(image->path);
      }
      if (target == nullptr) {
        if (source != nullptr) steps_.push_back({&package, source, nullptr, "", "absent"});
      } else if (source != nullptr && is_unchanged(*source, *target, package.id)) {
        steps_.push_back({&package, source, target, "", "unchanged"});
      } else {
        if (source != nullptr) add_step(package, source, *target);
        if (source == nullptr || options_.with_full) add_step(package, nullptr, *target);
      }
    }
  }

  void add_step(const RomPackage& package, const RomImage* source, const RomImage& target) {
    std::string name = package.id;
    if (source != nullptr) name += '-' + source->version;
    name += '-' + target.version + ".pku";
    if (!file_names_.insert(name).second) {
      throw Error(Exit::bad_input, "two packages would be called " + name, options_.product_path,
                  "change a version");
    }
    steps_.push_back({&package, source, &target, std::move(name), ""});
  }

  void make_folder() const {
    std::error_code error;
    std::filesystem::create_directories(options_.output_path, error);
    if (!error) return;
    throw Error(Exit::io, "cannot make the folder: " + error.message(), options_.output_path);
  }

  void build(Step* step, Signer* signer) try {
    std::optional<MappedFile> source;
    if (step->source != nullptr) source.emplace(step->source->path);
    const MappedFile target(step->target->path);
    BuildRequest request;
    request.package_id = step->package->id;
    if (source) request.source = SourceImage{source->bytes(), step->source->version};
    request.target = target.bytes();
    request.target_version = step->target->version;
    request.device = product_.device;
    request.member_of = product_.member_of;
    request.order = target_->order;
    request.layout = step->package->layout;
    request.encoder = options_.encoder(step->package->ram_bytes, step->package->erase_block_bytes);
    request.encoder.program_unit_bytes = step->package->program_unit_bytes;
    request.encoder.scratch_bytes = step->package->scratch_bytes;

    ProgressPrinter printer(context_.progress, context_.err);
    const FinishedPackage package =
        produce(request, signer, [&](const char* stage, std::uint64_t done, std::uint64_t total) {
          printer.update(step->package->id + ": " + stage, done, total);
        });
    write_file((std::filesystem::path(options_.output_path) / step->file_name).string(),
               package.file);
    step->result = package.manifest.is_full() ? "full" : "delta";
    step->file_bytes = package.file.size();
    step->ram_bytes = package.manifest.budgets.ram_bytes;
  } catch (const Error& error) {
    const std::string where = error.where().empty() ? "" : ": " + error.where();
    throw Error(error.exit(), error.what(), step->package->id + where, error.hint());
  }

  void report() const {
    if (options_.format == ReportFormat::json) {
      report_json();
      return;
    }
    for (const Step& step : steps_) {
      context_.out << step.package->id << "  " << version_of(step.source) << " -> "
                   << version_of(step.target) << "  " << step.result;
      if (!step.file_name.empty()) {
        context_.out << "  " << step.file_bytes << " bytes  " << step.file_name;
      }
      context_.out << '\n';
    }
  }

  void report_json() const {
    Json list = Json::array();
    for (const Step& step : steps_) {
      Json entry{{"package_id", step.package->id},
                 {"result", step.result},
                 {"source_version", version_json(step.source)},
                 {"target_version", version_json(step.target)}};
      if (!step.file_name.empty()) {
        entry["file"] = step.file_name;
        entry["file_bytes"] = step.file_bytes;
        entry["ram_bytes"] = step.ram_bytes;
      }
      list.push_back(std::move(entry));
    }
    Json json{{"schema", 1}};
    json["source"] = source_ == nullptr ? Json() : Json(source_->version);
    json["target"] = target_->version;
    json["packages"] = std::move(list);
    context_.out << json.dump(2) << '\n';
  }

  const BuildOptions& options_;
  Context& context_;
  Product product_;
  const Release* source_ = nullptr;  // Null: full packages.
  const Release* target_ = nullptr;
  std::vector<Step> steps_;  // In the order of PRODUCT.toml's packages.
  std::set<std::string> file_names_;
};

}  // namespace

void build_release(const BuildOptions& options, Context& context) {
  ReleaseBuild(options, context).run();
}

}  // namespace romdelta::pkgtool
