#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "closs/loss.h"
#include "literal.h"

/* Commands that run kernels on a device of the user's choice. */
#define RUN (COMMAND_LOSS | COMMAND_CHECK | COMMAND_BENCH | COMMAND_PACK | COMMAND_CURVE | COMMAND_FIT)

/* Commands that take parameters of losses. */
#define PARAMETERS (COMMAND_LOSS | COMMAND_CURVE | COMMAND_FIT)

static const struct option options[] = {
    {"reduction", 0, COMMAND_LOSS, false, false, "R", "none, mean or sum (default: the loss's own)"},
    {"loss", 0, COMMAND_FIT, false, false, "LOSS", "what is minimised: l1, mse, smooth_l1, huber"},
    {"param", 0, PARAMETERS, true, false, "NAME=VALUE", "a parameter of the loss; also --NAME VALUE"},
    {"weight", 0, COMMAND_LOSS | COMMAND_FIT, false, false, "W",
     "weights, a file or a value: of elements; fit: of rows"},
    {"mean-over", 0, COMMAND_LOSS, false, false, "M", "what a weighted mean divides by: weights (default) or count"},
    {"grad-output", 0, COMMAND_LOSS, false, false, "G", "the upstream gradient, a file or a value (default: 1)"},
    {"dtype", 0, COMMAND_LOSS, false, false, "T", "convert operands to f16, bf16, f32, f64, c64 or c128"},
    {"output", 'o', COMMAND_LOSS | COMMAND_CURVE | COMMAND_FIT | COMMAND_PACK, false, false, "FILE",
     "write the result there: .npy, of curve .png, of pack a bundle"},
    {"grad-input", 0, COMMAND_LOSS, false, false, "FILE.npy", "write the gradient of INPUT there"},
    {"grad-target", 0, COMMAND_LOSS, false, false, "FILE.npy", "write the gradient of TARGET there"},
    {"schedule", 0, COMMAND_LOSS, false, false, "S", "auto (default), lanes or groups; never changes a bit"},
    {"work-group", 0, COMMAND_LOSS, false, false, "N", "work-group size of schedule groups (default: chosen)"},
    {"memory", 0, COMMAND_LOSS, false, false, "SIZE", "the most device memory to take: 64M, 2G (default: what it has)"},
    {"l2", 0, COMMAND_FIT, false, false, "VALUE", "add VALUE / 2 times the squares of the coefficients (default: 0)"},
    {"no-intercept", 0, COMMAND_FIT, false, false, NULL, "the model is 0 where X is"},
    {"no-standardize", 0, COMMAND_FIT, false, false, NULL, "take the columns of X as they are"},
    {"tolerance", 0, COMMAND_FIT, false, false, "VALUE", "when it has converged (default: 5e-7)"},
    {"max-iterations", 0, COMMAND_FIT, false, false, "N", "give up after so many (default: 1000)"},
    {"allow-partial", 0, COMMAND_FIT, false, false, NULL, "take the result also where it did not converge"},
    {"png", 0, COMMAND_LOSS, false, false, "FILE.png", "of two pictures: the unreduced loss as a grey picture"},
    {"losses", 0, COMMAND_PACK, false, false, "A,B", "programs of these losses (default: all)"},
    {"dtypes", 0, COMMAND_PACK, false, false, "A,B",
     "of f16, bf16, f32, f64, c64, c128 (default: what the device has)"},
    {"c-array", 0, COMMAND_PACK, false, false, "NAME", "write the bundle as an array in C"},
    {"source", 0, COMMAND_PACK, false, false, "DIR", "write sources for a vendor's offline compiler instead"},
    {"binary", 0, COMMAND_PACK, true, false, "FILE", "an image that it made of them (repeatable)"},
    {"spirv", 0, COMMAND_PACK, false, false, NULL, "pack SPIR-V modules, which clang and llvm-spirv make"},
    {"probe", 0, COMMAND_DEVICES, false, false, NULL, "find out the class of each device where it is not known"},
    {"full", 0, COMMAND_CHECK, false, false, NULL, "more cases, and larger ones"},
    {"sizes", 0, COMMAND_BENCH, false, false, "N,N,...",
     "numbers of elements (default: 1K,64K,1M,64M, as far as they fit)"},
    {"plot", 0, COMMAND_FIT | COMMAND_BENCH, false, false, "FILE.png",
     "draw the fit, or residuals and loss; of bench the shares, by gnuplot"},
    {"device", 0, RUN, false, false, "D",
     "an index of closs devices, or part of a name (default: $CLOSS_DEVICE, or 0)"},
    {"json", 0, COMMAND_ANY, false, false, NULL, "one object on one line in place of text"},
    {"verbose", 'v', COMMAND_ANY, false, false, NULL, "the library's log on stderr"},
    {"help", 0, COMMAND_ANY, false, false, NULL, "this text"},
    {"version", 0, COMMAND_NONE, false, false, NULL, "the library's version"},
};

static const struct {
  int command;
  const char *name;
  const char *operands;
  const char *help;
} commands[] = {
    {COMMAND_DEVICES, "devices", "",
     "lists the OpenCL devices: index, platform, device, version, profile, type, class"},
    {COMMAND_LOSSES, "losses", "", "lists the losses, and their parameters with defaults and ranges"},
    {COMMAND_LOSS, "loss", " LOSS INPUT TARGET", "computes a loss of two arrays, and its gradients"},
    {COMMAND_FIT, "fit", " X Y --loss LOSS",
     "fits a linear model: the least mean loss of X coef + intercept against Y"},
    {COMMAND_CURVE, "curve", " LOSS ... -o FILE.png",
     "draws losses and their gradients against the residual, by gnuplot"},
    {COMMAND_CHECK, "check", "", "compares a device with the host reference and the published hashes"},
    {COMMAND_BENCH, "bench", " [LOSS ...]", "measures losses against the device's own bandwidth"},
    {COMMAND_PACK, "pack", "", "compiles programs for a device into one file, for where no compiler is"},
    {COMMAND_CACHE, "cache", " path|list|clear", "names, lists or empties the disk cache of compiled programs"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

const char *arguments_commands(void) {
  static char names[256];
  names[0] = 0;
  for (int i = 0; i < COMMAND_COUNT; i++) {
    if (i > 0) strcat(names, i + 1 < COMMAND_COUNT ? ", " : " or ");
    strcat(names, commands[i].name);
  }
  return names;
}

/* The table above, and an option a parameter of the losses. */
static bool make_table(struct arguments *arguments) {
  const size_t fixed = sizeof options / sizeof options[0];
  size_t most = fixed + closs_loss_count() * CLOSS_MAX_PARAMETERS;
  arguments->options = calloc(most, sizeof *arguments->options);
  if (arguments->options == NULL) return false;
  memcpy(arguments->options, options, sizeof options);
  size_t count = fixed;
  for (size_t i = 0; i < closs_loss_count(); i++) {
    const closs_loss_info *info = closs_loss_at(i);
    for (size_t p = 0; p < info->parameter_count; p++) {
      struct option option = {info->parameters[p].name, 0, PARAMETERS, false, true, "VALUE", NULL};
      bool known = false;
      for (size_t k = 0; k < count; k++)
        known = known || strcmp(arguments->options[k].name, option.name) == 0;
      if (!known) arguments->options[count++] = option;
    }
  }
  arguments->option_count = count;
  return true;
}

static const struct option *find_option(const struct arguments *arguments, const char *name, size_t length) {
  for (size_t i = 0; i < arguments->option_count; i++) {
    const struct option *option = &arguments->options[i];
    if (strlen(option->name) == length && memcmp(option->name, name, length) == 0) return option;
  }
  return NULL;
}

static const struct option *find_letter(const struct arguments *arguments, char letter) {
  for (size_t i = 0; i < arguments->option_count; i++)
    if (letter != 0 && arguments->options[i].letter == letter) return &arguments->options[i];
  return NULL;
}

const char *arguments_value(const struct arguments *arguments, const char *name) {
  for (size_t i = 0; i < arguments->given_count; i++)
    if (strcmp(arguments->given[i].option->name, name) == 0) return arguments->given[i].value;
  return NULL;
}

/* Takes the option at argv[*at], and its argument where it stands apart. */
static bool take_option(struct arguments *arguments, int argc, char **argv, int *at, struct failure *failure) {
  const char *text = argv[*at];
  const struct option *option;
  const char *value = NULL;
  if (text[1] == '-') {
    const char *equals = strchr(text, '=');
    option = find_option(arguments, text + 2, equals == NULL ? strlen(text + 2) : (size_t)(equals - text) - 2);
    if (equals != NULL) value = equals + 1;
  } else {
    option = find_letter(arguments, text[1]);
    if (text[2] != 0) value = text + 2;
  }
  if (option == NULL) return failure_set(failure, STATUS_USAGE, "%s: unknown option; see closs --help", text);
  if (option->argument == NULL && value != NULL)
    return failure_set(failure, STATUS_USAGE, "%s: --%s takes no argument", text, option->name);
  if (option->argument != NULL && value == NULL) {
    if (*at + 1 >= argc)
      return failure_set(failure, STATUS_USAGE, "--%s: needs an argument: %s", option->name, option->argument);
    value = argv[++*at];
  }
  if (!option->repeatable && option->argument != NULL && arguments_value(arguments, option->name) != NULL)
    return failure_set(failure, STATUS_USAGE, "--%s: given twice: '%s' and '%s'", option->name,
                       arguments_value(arguments, option->name), value);
  arguments->given[arguments->given_count++] = (struct given){option, value == NULL ? "" : value};
  return true;
}

static bool find_command(struct arguments *arguments, struct failure *failure) {
  arguments->command = COMMAND_NONE;
  if (arguments->operand_count == 0) return true;
  arguments->command_name = arguments->operands[0];
  arguments->operands++;
  arguments->operand_count--;
  for (int i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(commands[i].name, arguments->command_name) == 0) arguments->command = commands[i].command;
  if (arguments->command != COMMAND_NONE) return true;
  return failure_set(failure, STATUS_USAGE, "%s: unknown command; expected %s", arguments->command_name,
                     arguments_commands());
}

static bool check_options(const struct arguments *arguments, struct failure *failure) {
  for (size_t i = 0; i < arguments->given_count; i++) {
    const struct option *option = arguments->given[i].option;
    if ((option->commands & arguments->command) != 0) continue;
    if (arguments->command == COMMAND_NONE)
      return failure_set(failure, STATUS_USAGE, "--%s: without a command; see closs --help", option->name);
    return failure_set(failure, STATUS_USAGE, "--%s: no option of closs %s; see closs %s --help", option->name,
                       arguments->command_name, arguments->command_name);
  }
  return true;
}

bool arguments_read(struct arguments *arguments, int argc, char **argv, struct failure *failure) {
  *arguments = (struct arguments){.command = COMMAND_NONE};
  arguments->given = calloc((size_t)argc + 1, sizeof *arguments->given);
  const char **operands = calloc((size_t)argc + 1, sizeof *operands);
  arguments->operands = operands;
  if (arguments->given == NULL || operands == NULL || !make_table(arguments))
    return failure_set(failure, STATUS_FAILED, "out of memory");
  bool options_end = false;
  /* An option that fails does not end the reading: whether --json is there decides how the failure is told. */
  for (int at = 1; at < argc; at++) {
    const char *text = argv[at];
    bool dash = text[0] == '-' && text[1] != 0;
    if (options_end || !dash || (text[1] != '-' && literal_is(text))) {
      operands[arguments->operand_count++] = text;
    } else if (strcmp(text, "--") == 0) {
      options_end = true;
    } else {
      take_option(arguments, argc, argv, &at, failure);
    }
  }
  arguments->json = arguments_value(arguments, "json") != NULL;
  arguments->verbose = arguments_value(arguments, "verbose") != NULL;
  return find_command(arguments, failure) && check_options(arguments, failure) && failure->status == 0;
}

void arguments_release(struct arguments *arguments) {
  free(arguments->options);
  free(arguments->given);
  /* find_command() has stepped over the command's name. */
  if (arguments->operands != NULL) free((void *)(arguments->operands - (arguments->command_name != NULL)));
}

static void help_options(const struct arguments *arguments, FILE *file) {
  for (size_t i = 0; i < arguments->option_count; i++) {
    const struct option *option = &arguments->options[i];
    char left[64];
    if (option->help == NULL || (option->commands & arguments->command) == 0) continue;
    snprintf(left, sizeof left, "%s%.1s%s--%s%s%s", option->letter != 0 ? "-" : "", &option->letter,
             option->letter != 0 ? ", " : "", option->name, option->argument != NULL ? " " : "",
             option->argument != NULL ? option->argument : "");
    fprintf(file, "  %-24s  %s\n", left, option->help);
  }
}

static const char loss_help[] =
    "\nINPUT, TARGET: an .npy file, a .png file, a list like '[[1, 2], [3, 4]]' or a number, or - for an .npy from\n"
    "stdin. A file whose name is a number is written ./1. Shapes broadcast as NumPy's do.\n"
    "The loss goes to stdout: reduced on one line, with reduction none one element a line. With --json:\n"
    "  loss or values, bits, dtype, shape, reduction, device, schedule, program, elements, bytes, seconds\n";

static const char fit_help[] =
    "\nX: rows and columns, Y: a value a row; .npy files, lists, or - for an .npy from stdin. Columns are "
    "standardised\n"
    "inside, and results are in the units of X: the coefficients, then the intercept. l2 is on standardised columns.\n"
    "It has converged where the gradient is at most the tolerance times the root mean square of the loss's slopes;\n"
    "l1: where the duality gap is at most the tolerance times the loss. With --json:\n"
    "  coef, mean_loss, iterations, converged, seconds\n";
static const char bench_help[] =
    "\nLOSS: names of closs losses (default: all). Each is run on f32 and f16 arrays: forward is the loss, gradient "
    "both\n"
    "gradients, fused both and the loss in one pass. The share is of what a kernel reaches that only reads two arrays\n"
    "(forward) or copies two arrays (gradient, fused), run in turn with them; medians. With --json a row each:\n"
    "  loss, dtype, elements, work, seconds, bytes_per_second, share_of_bandwidth\n";
static const char pack_help[] =
    "\nA program takes the bundle by closs_context_options.bundle, closs itself from the file that $CLOSS_BUNDLE "
    "names.\n"
    "--source writes a .cl file a program, which needs no options, and manifest.json; one image must hold them all.\n"
    "--spirv runs $CLOSS_CLANG and $CLOSS_LLVM_SPIRV, else clang-14 and llvm-spirv-14 or what is there of later "
    "ones.\n";

static const char cache_help[] =
    "\nThe folder is $CLOSS_CACHE_DIR, else closs in $XDG_CACHE_HOME, else ~/.cache/closs; CLOSS_CACHE=0 turns it "
    "off.\n"
    "list: a line an entry, with tabs between: device, program, bytes, last use. With --json: path, bytes, entries.\n";

static const char exit_help[] =
    "\nExit status: 0 done; 2 the command line or an input is wrong; 1 anything else failed;\n"
    "130 interrupted. But for 0, no output file is written or changed.\n";

void arguments_help(const struct arguments *arguments, FILE *file) {
  if (arguments->command == COMMAND_NONE) fputs("usage: closs COMMAND [options]\n\nCommands:\n", file);
  for (int i = 0; i < COMMAND_COUNT; i++) {
    if (arguments->command == COMMAND_NONE) {
      fprintf(file, "  %-24s  %s\n", commands[i].name, commands[i].help);
    } else if (commands[i].command == arguments->command) {
      fprintf(file, "usage: closs %s%s [options]\n\n%s: %s.\n", commands[i].name, commands[i].operands,
              commands[i].name, commands[i].help);
    }
  }
  fputs("\nOptions:\n", file);
  help_options(arguments, file);
  if (arguments->command == COMMAND_NONE) fputs("\ncloss COMMAND --help says more of each.\n", file);
  if (arguments->command == COMMAND_LOSS) fputs(loss_help, file);
  if (arguments->command == COMMAND_FIT) fputs(fit_help, file);
  if (arguments->command == COMMAND_BENCH) fputs(bench_help, file);
  if (arguments->command == COMMAND_PACK) fputs(pack_help, file);
  if (arguments->command == COMMAND_CACHE) fputs(cache_help, file);
  fputs(exit_help, file);
}
