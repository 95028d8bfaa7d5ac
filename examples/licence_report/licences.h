// Which licences the packages of a Debian system name in their copyright files.
#ifndef LICENCE_REPORT_LICENCES_H
#define LICENCE_REPORT_LICENCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { licence_name_max = 64, licences_max = 4096 };

struct licence {
  char name[licence_name_max];
  unsigned packages;      // that name it
  unsigned last_package;  // the newest of them: each counts once
  bool approved;
};

struct licences {
  struct licence entries[licences_max];
  size_t count;
  unsigned packages;
  unsigned machine_readable;
  unsigned free_form;
  unsigned silent;  // name no licence that this program recognises
  size_t bytes_read;
  size_t dropped;  // names that found no room
};

// Reads one copyright file and counts what it names as one package.
void licences_add_package(struct licences* licences, FILE* copyright);

// `list`: one name a line; a `*` at its end stands for anything; `#` begins a comment. Marks the
// licences that it approves.
void licences_approve(struct licences* licences, char* list);

// The most used first; alphabetical among equals.
void licences_sort(struct licences* licences);

#endif
