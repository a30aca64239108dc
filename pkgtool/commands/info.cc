#include "pkgtool/commands/commands.h"
#include "pkgtool/file.h"
#include "pkgtool/package_file.h"
#include "pkgtool/report.h"
#include "pkgtool/super_report.h"

namespace romdelta::pkgtool {
namespace {

struct Options {
  std::string path;
  bool chunks = false;
  ReportFormat format = ReportFormat::text;
};

void show_super(const Options& options, ByteSpan file, Context& context) {
  const SuperVerifyResult result = verify_super_package(file, std::nullopt);
  if (!result.head) {
    throw Error(Exit::bad_input, result_row(result.status).meaning, options.path,
                result_row(result.status).action);
  }
  context.out << (options.format == ReportFormat::json ? super_json_report(result)
                                                       : super_text_report(result));
  if (result.status != Status::ok) {
    throw Error(Exit::bad_input, result_row(result.status).meaning,
                options.path + ": " + result.structure + " at offset " +
                    std::to_string(result.offset_bytes),
                result_row(result.status).action);
  }
}

void run(const Options& options, Context& context) {
  const MappedFile file(options.path);
  if (is_super_package(file.bytes())) {
    if (options.chunks) {
      throw Error(Exit::usage, "--chunks is for one package", options.path);
    }
    show_super(options, file.bytes(), context);
    return;
  }
  const VerifyResult result = verify_package(file.bytes(), std::nullopt);
  if (!result.head) {
    throw Error(Exit::bad_input, result_row(result.status).meaning, options.path,
                result_row(result.status).action);
  }
  context.out << (options.format == ReportFormat::json ? json_report(result, options.chunks)
                                                       : text_report(result, options.chunks));
  if (result.status != Status::ok) {
    throw Error(Exit::bad_input, result_row(result.status).meaning,
                options.path + ": " + result.structure + " at offset " +
                    std::to_string(result.offset_bytes),
                result_row(result.status).action);
  }
}

}  // namespace

void add_info(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("info", "Show what a package says about itself");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->path, "The package")->required();
  verb->add_flag("--chunks", options->chunks, "List the chunks and their columns");
  cli::add_format(*verb, &options->format);
  verb->footer("Signatures are listed, not checked: use `pkgtool verify`.");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace romdelta::pkgtool
