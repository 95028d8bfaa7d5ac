// Which licences does this machine's software carry, and which of them does the company's list not
// know?
//
//   licence_report OUT LIST_URL OTHER_URL
//
// Reads the licence texts with fs_read, the copyright file of every package through WASI, and the
// list of approved licences with http_fetch; writes OUT/report.md with fs_write and
// OUT/licences.csv through WASI; counts the report's lines with wc. Then it tries six things that
// its policy does not allow, as a tool would that someone has turned against its user.
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "licences.h"

static const char doc_folder[] = "/usr/share/doc";
static const char text_folder[] = "/usr/share/common-licenses";

enum { path_max = 1024, report_max = 256 * 1024, licences_shown = 40 };

static char report[report_max];
static size_t report_length;

static void report_line(const char* format, ...) {
  va_list values;
  va_start(values, format);
  int written = vsnprintf(report + report_length, report_max - report_length, format, values);
  va_end(values);
  if (written < 0 || (size_t)written >= report_max - report_length) {
    fputs("licence_report: the report does not fit into its buffer\n", stderr);
    exit(1);
  }
  report_length += (size_t)written;
}

static void fail(const char* what, const char* why) {
  fprintf(stderr, "licence_report: %s: %s\n", what, why);
  exit(1);
}

// The licence texts, as fs_list and fs_read give them.
static unsigned report_texts(void) {
  struct text listing;
  if (host_list(text_folder, &listing) < 0) {
    fail(text_folder, host_error());
  }
  unsigned texts = 0;
  report_line("## Licence texts on this machine\n\n| text | bytes |\n|---|---:|\n");
  for (const char* entry = listing.bytes; entry < listing.bytes + listing.length;
       entry += strlen(entry) + 1) {
    const char* name = entry + 1;  // after the type
    char path[path_max];
    snprintf(path, sizeof path, "%s/%s", text_folder, name);
    struct text content;
    if (host_read(path, &content) < 0) {
      fail(path, host_error());
    }
    report_line("| %s%s | %zu |\n", name, entry[0] == 'l' ? " (link)" : "", content.length);
    free(content.bytes);
    ++texts;
  }
  free(listing.bytes);
  return texts;
}

// Every package's copyright file, with opendir and fopen: WASI asks the same policy.
static void read_packages(struct licences* licences) {
  DIR* folder = opendir(doc_folder);
  if (folder == NULL) {
    fail(doc_folder, strerror(errno));
  }
  for (struct dirent* entry; (entry = readdir(folder)) != NULL;) {
    char path[path_max];
    snprintf(path, sizeof path, "%s/%s/copyright", doc_folder, entry->d_name);
    FILE* copyright = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
    if (copyright != NULL) {
      licences_add_package(licences, copyright);
      fclose(copyright);
    }
  }
  closedir(folder);
}

static unsigned report_licences(const struct licences* licences) {
  unsigned unapproved = 0;
  report_line(
      "\n## Licences that packages name\n\n| licence | packages | approved |\n|---|---:|---|\n");
  for (size_t i = 0; i < licences->count; ++i) {
    const struct licence* licence = &licences->entries[i];
    unapproved += !licence->approved;
    if (i < licences_shown) {
      report_line("| %s | %u | %s |\n", licence->name, licence->packages,
                  licence->approved ? "yes" : "**no**");
    }
  }
  if (licences->count > licences_shown) {
    report_line("\n%zu more stand in licences.csv.\n", licences->count - licences_shown);
  }
  return unapproved;
}

static void write_table(const char* out, const struct licences* licences) {
  char path[path_max];
  snprintf(path, sizeof path, "%s/licences.csv", out);
  FILE* file = fopen(path, "w");
  if (file == NULL) {
    fail(path, strerror(errno));
  }
  fputs("licence,packages,approved\n", file);
  for (size_t i = 0; i < licences->count; ++i) {
    fprintf(file, "\"%s\",%u,%d\n", licences->entries[i].name, licences->entries[i].packages,
            licences->entries[i].approved);
  }
  if (ferror(file) || fclose(file) != 0) {
    fail(path, strerror(errno));
  }
}

static void make_report(const char* out, const char* list_url) {
  static struct licences licences;
  report_line("# Licences of the installed software\n\n");
  unsigned texts = report_texts();
  read_packages(&licences);

  struct text list;
  int32_t status = host_fetch(list_url, &list);
  if (status != 200) {
    fail(list_url, status < 0 ? host_error() : "the server did not answer with 200");
  }
  licences_approve(&licences, list.bytes);
  free(list.bytes);
  licences_sort(&licences);
  unsigned unapproved = report_licences(&licences);

  report_line(
      "\n## Summary\n\n- packages: %u\n- with a machine-readable copyright file: %u\n"
      "- with a free-form one that names a licence: %u\n- that name none: %u\n"
      "- different licence names: %zu, of which %u are not on the list\n",
      licences.packages, licences.machine_readable, licences.free_form, licences.silent,
      licences.count, unapproved);
  if (licences.dropped > 0) {
    report_line("- names left out for lack of room: %zu\n", licences.dropped);
  }
  write_table(out, &licences);
  char path[path_max];
  snprintf(path, sizeof path, "%s/report.md", out);
  if (host_write(path, report) < 0) {
    fail(path, host_error());
  }
  printf("read %u licence texts and the copyright files of %u packages (%.1f MB)\n", texts,
         licences.packages, (double)licences.bytes_read / 1e6);
  printf("found %zu licence names; %u are not on the approved list\n", licences.count, unapproved);
  printf("wrote %s (%zu bytes)\n", path, report_length);

  struct text output;
  if (host_run("wc", (const char*[]){"-l", path, NULL}, &output) < 0) {
    printf("wc did not run: %s\n", host_error());
  } else {
    printf("wc ran and printed: %s", output.bytes);
    free(output.bytes);
  }
}

// An attempt must end with a negative code.
static int attempt(const char* what, int32_t answer) {
  if (answer < 0) {
    printf("refused: %s\n", what);
    return 0;
  }
  printf("NOT REFUSED: %s\n", what);
  return 1;
}

static int try_what_is_not_allowed(const char* out, const char* list_url, const char* other_url) {
  char path[path_max];
  struct text taken;
  int failures = attempt("read /etc/shadow", host_read("/etc/shadow", &taken));

  // OUT/shortcut is a symbolic link that leads out of OUT; the file at its end exists.
  snprintf(path, sizeof path, "%s/shortcut/secret.txt", out);
  FILE* file = fopen(path, "r");
  failures +=
      attempt("read through a symbolic link that leads out, with WASI", file == NULL ? -1 : 0);

  snprintf(path, sizeof path, "%s/../outside.txt", out);
  failures += attempt("write beside the allowed folder", host_write(path, "out"));

  failures += attempt("fetch from another port", host_fetch(other_url, &taken));
  snprintf(path, sizeof path, "%s/../elsewhere", list_url);
  failures += attempt("follow a redirect to another port", host_fetch(path, &taken));

  failures += attempt("run a shell", host_run("sh", (const char*[]){"-c", "id", NULL}, &taken));
  return failures;
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fputs("usage: licence_report OUT LIST_URL OTHER_URL\n", stderr);
    return 2;
  }
  make_report(argv[1], argv[2]);
  return try_what_is_not_allowed(argv[1], argv[2], argv[3]) == 0 ? 0 : 3;
}
