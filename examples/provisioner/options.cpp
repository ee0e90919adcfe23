#include "options.hpp"

#include <getopt.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <iostream>

namespace {

constexpr const char *usage =
    R"(Usage: provisioner [OPTION...] --organization NAME --work-dir DIR COMMAND [ARGUMENT...]

Works off the queue of pg_prebuilds: runs COMMAND ARGUMENT... start|stop|delete for every build, and
COMMAND ARGUMENT... ready until a started workspace answers. docs/provisioners.md has the whole contract.

  -d, --conninfo CONNINFO     the database (default: the PG* environment variables)
  -o, --organization NAME     whose jobs to work off
  -n, --name NAME             name of this provisioner, one per running process (default: the host's)
  -p, --provisioners LIST     kinds of job it takes, separated by commas (default: terraform)
  -t, --tags JSON             tags that a job's tags must be contained in (default: {})
  -w, --work-dir DIR          its own directory: files of the jobs that run
  -c, --concurrency NUMBER    jobs that run at the same time (default: 1)
      --poll-interval SECONDS looks into the queue this often, announced or not (default: 5)
      --kill-after SECONDS    a cancelled command is killed this long after SIGTERM (default: 10)
      --ready-timeout SECONDS a workspace that is not ready by then never is (default: 300)
      --drain-timeout SECONDS after SIGTERM running jobs may take this long to end (default: 60)
      --help
)";

[[noreturn]] void refuse(const std::string &message) {
  std::cerr << "provisioner: " << message << "\nTry: provisioner --help\n";
  std::exit(2);
}

int parse_number(const char *option, const char *text, int least) {
  int number = 0;
  const char *const end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, number);
  if (error != std::errc() || rest != end || number < least)
    refuse(std::string("--") + option + " must be a whole number of at least " + std::to_string(least) +
           ", not \"" + text + "\"");
  return number;
}

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace

Options parse_options(int argc, char **argv) {
  enum { poll_interval = 256, kill_after, ready_timeout, drain_timeout, help };
  static const option long_options[] = {{"conninfo", required_argument, nullptr, 'd'},
                                        {"organization", required_argument, nullptr, 'o'},
                                        {"name", required_argument, nullptr, 'n'},
                                        {"provisioners", required_argument, nullptr, 'p'},
                                        {"tags", required_argument, nullptr, 't'},
                                        {"work-dir", required_argument, nullptr, 'w'},
                                        {"concurrency", required_argument, nullptr, 'c'},
                                        {"poll-interval", required_argument, nullptr, poll_interval},
                                        {"kill-after", required_argument, nullptr, kill_after},
                                        {"ready-timeout", required_argument, nullptr, ready_timeout},
                                        {"drain-timeout", required_argument, nullptr, drain_timeout},
                                        {"help", no_argument, nullptr, help},
                                        {nullptr, 0, nullptr, 0}};

  Options options;
  options.registration.name = host_name();
  // '+': the first word that is not an option begins the command, whose own options are its own.
  for (int choice; (choice = getopt_long(argc, argv, "+d:o:n:p:t:w:c:", long_options, nullptr)) != -1;) {
    switch (choice) {
      case 'd': options.conninfo = optarg; break;
      case 'o': options.registration.organization = optarg; break;
      case 'n': options.registration.name = optarg; break;
      case 'p': options.registration.provisioners = optarg; break;
      case 't': options.registration.tags = optarg; break;
      case 'w': options.work_dir = optarg; break;
      case 'c': options.concurrency = parse_number("concurrency", optarg, 1); break;
      case poll_interval:
        options.poll_interval = std::chrono::seconds(parse_number("poll-interval", optarg, 1));
        break;
      case kill_after:
        options.kill_after = std::chrono::seconds(parse_number("kill-after", optarg, 0));
        break;
      case ready_timeout:
        options.ready_timeout = std::chrono::seconds(parse_number("ready-timeout", optarg, 1));
        break;
      case drain_timeout:
        options.drain_timeout = std::chrono::seconds(parse_number("drain-timeout", optarg, 0));
        break;
      case help: std::cout << usage; std::exit(0);
      default: std::exit(2);  // getopt has said what is wrong
    }
  }
  options.command.assign(argv + optind, argv + argc);

  if (options.registration.organization.empty()) refuse("--organization is missing");
  if (options.work_dir.empty()) refuse("--work-dir is missing");
  if (options.command.empty()) refuse("the command is missing");
  // Commands run in a directory of their own: what is relative here would not be found there.
  options.work_dir = std::filesystem::absolute(options.work_dir);
  if (std::string &program = options.command.front(); program.find('/') != std::string::npos) {
    program = std::filesystem::absolute(program);
    if (access(program.c_str(), X_OK) != 0) refuse("cannot run " + program + ": " + std::strerror(errno));
  }
  return options;
}
