#include "pkgtool/commands/commands.h"
#include "pkgtool/file.h"
#include "pkgtool/package_file.h"
#include "pkgtool/report.h"
#include "pkgtool/super_report.h"

namespace romdelta::pkgtool {
namespace {

struct Options {
  std::string path;
  TrustOptions trust;
  ReportFormat format = ReportFormat::text;
};

void verify_super(const Options& options, ByteSpan file, TrustedKeys keys, Context& context) {
  const SuperVerifyResult result = verify_super_package(file, keys);
  const bool good = result.status == Status::ok;
  if (!good) context.exit = Exit::negative_answer;
  if (options.format == ReportFormat::json) {
    context.out << super_verdict_json(result);
  } else if (good) {
    const std::size_t count = result.members.size();
    context.out << options.path << ": good: signatures, super manifest, " << count
                << (count == 1 ? " member" : " members") << " and " << result.chunk_count
                << (result.chunk_count == 1 ? " chunk\n" : " chunks\n");
  } else {
    context.out << options.path << ": NOT good: " << cli::describe(result.status) << ", in "
                << result.structure << " at offset " << result.offset_bytes << '\n';
  }
}

void run(const Options& options, Context& context) {
  const std::vector<PublicKey> keys = options.trust.load();
  const MappedFile file(options.path);
  if (is_super_package(file.bytes())) {
    verify_super(options, file.bytes(), keys, context);
    return;
  }
  const VerifyResult result = verify_package(file.bytes(), TrustedKeys(keys));
  const bool good = result.status == Status::ok;
  if (!good) context.exit = Exit::negative_answer;
  if (options.format == ReportFormat::json) {
    context.out << verdict_json(result);
    return;
  }
  if (good) {
    const std::uint32_t count = result.head->manifest.chunk_count;
    context.out << options.path << ": good: signature, manifest";
    if (result.plan) {
      const std::size_t steps = result.plan->plan.steps.size();
      context.out << ", plan of " << steps << (steps == 1 ? " step" : " steps");
    }
    context.out << " and " << count << (count == 1 ? " chunk\n" : " chunks\n");
    return;
  }
  context.out << options.path << ": NOT good: " << cli::describe(result.status) << ", in "
              << result.structure << " at offset " << result.offset_bytes << '\n';
}

}  // namespace

void add_verify(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("verify", "Check signature, manifest and every chunk");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->path, "The package")->required();
  options->trust.add_to(*verb);
  cli::add_format(*verb, &options->format);
  verb->footer("Exit status 0: good; 1: not good. A delta's source is checked by `pkgtool apply`.");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace romdelta::pkgtool
