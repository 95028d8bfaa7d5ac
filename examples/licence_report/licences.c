#include "licences.h"

#include <stdlib.h>
#include <string.h>

static const char common_licenses[] = "/usr/share/common-licenses/";

// Tells whether the current package names a licence for which there was room.
static bool count_name(struct licences* licences, const char* name, size_t length) {
  if (length == 0 || length >= licence_name_max) {
    licences->dropped += length != 0;
    return false;
  }
  struct licence* entry = licences->entries;
  struct licence* end = entry + licences->count;
  while (entry < end && (strncmp(entry->name, name, length) != 0 || entry->name[length] != '\0')) {
    ++entry;
  }
  if (entry == end) {
    if (licences->count == licences_max) {
      ++licences->dropped;
      return false;
    }
    ++licences->count;
    memcpy(entry->name, name, length);
  }
  if (entry->last_package != licences->packages) {
    entry->last_package = licences->packages;
    ++entry->packages;
  }
  return true;
}

// "GPL-2+ with OpenSSL-exception or MIT, and Expat" names GPL-2+, MIT and Expat.
static bool count_expression(struct licences* licences, const char* expression) {
  bool in_exception = false;
  bool found = false;
  while (*expression != '\0') {
    expression += strspn(expression, " \t\r\n,");
    size_t length = strcspn(expression, " \t\r\n,");
    if (length == 0) {
      break;
    }
    bool is_or = length == 2 && strncmp(expression, "or", 2) == 0;
    bool is_and = length == 3 && strncmp(expression, "and", 3) == 0;
    if (is_or || is_and) {
      in_exception = false;
    } else if (length == 4 && strncmp(expression, "with", 4) == 0) {
      in_exception = true;
    } else if (!in_exception) {
      found |= count_name(licences, expression, length);
    }
    expression += length;
  }
  return found;
}

// "see /usr/share/common-licenses/GPL-3." names GPL-3.
static bool count_references(struct licences* licences, const char* line) {
  bool found = false;
  while ((line = strstr(line, common_licenses)) != NULL) {
    line += sizeof common_licenses - 1;
    size_t length =
        strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+-");
    while (length > 0 && (line[length - 1] == '.' || line[length - 1] == '-')) {
      --length;
    }
    found |= count_name(licences, line, length);
  }
  return found;
}

void licences_add_package(struct licences* licences, FILE* copyright) {
  static const char format_field[] = "Format:";
  static const char license_field[] = "License:";
  ++licences->packages;
  bool machine_readable = false;
  bool is_first = true;
  bool found = false;
  char* line = NULL;
  size_t capacity = 0;
  ssize_t length;
  while ((length = getline(&line, &capacity, copyright)) >= 0) {
    licences->bytes_read += (size_t)length;
    if (is_first && length > 1) {
      machine_readable = strncmp(line, format_field, sizeof format_field - 1) == 0;
      is_first = false;
    }
    if (!machine_readable) {
      found |= count_references(licences, line);
    } else if (strncmp(line, license_field, sizeof license_field - 1) == 0) {
      found |= count_expression(licences, line + sizeof license_field - 1);
    }
  }
  free(line);
  if (!found) {
    ++licences->silent;
  } else if (machine_readable) {
    ++licences->machine_readable;
  } else {
    ++licences->free_form;
  }
}

static bool matches(const char* name, const char* pattern) {
  size_t length = strlen(pattern);
  if (length > 0 && pattern[length - 1] == '*') {
    return strncmp(name, pattern, length - 1) == 0;
  }
  return strcmp(name, pattern) == 0;
}

void licences_approve(struct licences* licences, char* list) {
  for (char* pattern = strtok(list, "\r\n"); pattern != NULL; pattern = strtok(NULL, "\r\n")) {
    if (*pattern == '#') {
      continue;
    }
    for (size_t i = 0; i < licences->count; ++i) {
      licences->entries[i].approved |= matches(licences->entries[i].name, pattern);
    }
  }
}

static int by_use(const void* left, const void* right) {
  const struct licence* a = left;
  const struct licence* b = right;
  if (a->packages != b->packages) {
    return a->packages < b->packages ? 1 : -1;
  }
  return strcmp(a->name, b->name);
}

void licences_sort(struct licences* licences) {
  qsort(licences->entries, licences->count, sizeof licences->entries[0], by_use);
}
