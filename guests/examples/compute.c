// Pieces of work that never leave the guest: `compute [hash|branches|sieve|nbody|matrix|json|
// allocation]`. Built twice, as a guest and natively, so that `bench/` can compare the two; each
// prints an answer, so that neither can skip the work.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t rotate_right(uint32_t word, int bits) { return word >> bits | word << (32 - bits); }

// Interprets a random register program for 12 million steps: unpredictable branches and dependent
// loads.
static uint64_t run_branches(void) {
  static uint8_t program[256];
  uint64_t state = 0x9e3779b97f4a7c15;
  for (size_t i = 0; i < sizeof program; ++i) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    program[i] = (uint8_t)state;
  }
  uint64_t registers[8] = {1, 2, 3, 5, 7, 11, 13, 17};
  for (uint32_t step = 0; step < 12000000; ++step) {
    uint8_t code = program[(step + registers[step & 7]) & 255];
    uint64_t* to = &registers[code >> 2 & 7];
    uint64_t from = registers[code >> 5];
    switch (code & 3) {
      case 0:
        *to += from;
        break;
      case 1:
        *to ^= from << 7 | from >> 57;
        break;
      case 2:
        *to *= from | 1;
        break;
      default:
        *to -= step;
        break;
    }
  }
  uint64_t answer = 0;
  for (int i = 0; i < 8; ++i) {
    answer ^= registers[i];
  }
  return answer;
}

// Counts the primes below a million, twelve times: stores with a stride, then a sequential scan.
static uint64_t run_sieve(void) {
  enum { limit = 1000000, rounds = 12 };
  static uint8_t composite[limit];
  uint64_t primes = 0;
  for (int round = 0; round < rounds; ++round) {
    memset(composite, 0, sizeof composite);
    for (uint32_t candidate = 2; candidate < limit; ++candidate) {
      if (composite[candidate]) {
        continue;
      }
      ++primes;
      for (uint64_t at = (uint64_t)candidate * candidate; at < limit; at += candidate) {
        composite[at] = 1;
      }
    }
  }
  return primes;
}

// Three bodies attract each other for two million steps: double-precision arithmetic with a square
// root.
static uint64_t run_nbody(void) {
  double position[3][3] = {{0, 0, 0}, {5, 0, 0.1}, {0, 9, -0.2}};
  double velocity[3][3] = {{0, 0, 0}, {0, 2.8, 0}, {-2.1, 0, 0}};
  const double mass[3] = {40, 0.04, 0.01};
  const double step = 0.0005;
  for (int round = 0; round < 2000000; ++round) {
    for (int i = 0; i < 3; ++i) {
      for (int j = i + 1; j < 3; ++j) {
        double apart[3];
        double square = 0;
        for (int axis = 0; axis < 3; ++axis) {
          apart[axis] = position[i][axis] - position[j][axis];
          square += apart[axis] * apart[axis];
        }
        double pull = step / (square * sqrt(square));
        for (int axis = 0; axis < 3; ++axis) {
          velocity[i][axis] -= apart[axis] * mass[j] * pull;
          velocity[j][axis] += apart[axis] * mass[i] * pull;
        }
      }
    }
    for (int i = 0; i < 3; ++i) {
      for (int axis = 0; axis < 3; ++axis) {
        position[i][axis] += step * velocity[i][axis];
      }
    }
  }
  uint64_t answer;
  memcpy(&answer, &position[1][0], sizeof answer);
  return answer;
}

// The compression function of SHA-256 (FIPS 180-4, 6.2.2) over 16 MB: a long chain of 32-bit
// rotations and additions.
static void sha256_block(uint32_t state[8], const uint32_t constants[64],
                         const uint32_t block[16]) {
  uint32_t schedule[64];
  memcpy(schedule, block, 64);
  for (int t = 16; t < 64; ++t) {
    uint32_t w15 = schedule[t - 15];
    uint32_t w2 = schedule[t - 2];
    schedule[t] = schedule[t - 16] + (rotate_right(w15, 7) ^ rotate_right(w15, 18) ^ w15 >> 3) +
                  schedule[t - 7] + (rotate_right(w2, 17) ^ rotate_right(w2, 19) ^ w2 >> 10);
  }
  uint32_t s[8];
  memcpy(s, state, sizeof s);
  for (int t = 0; t < 64; ++t) {
    uint32_t first = s[7] +
                     (rotate_right(s[4], 6) ^ rotate_right(s[4], 11) ^ rotate_right(s[4], 25)) +
                     ((s[4] & s[5]) ^ (~s[4] & s[6])) + constants[t] + schedule[t];
    uint32_t second = (rotate_right(s[0], 2) ^ rotate_right(s[0], 13) ^ rotate_right(s[0], 22)) +
                      ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof s[0]);
    s[4] += first;
    s[0] = first + second;
  }
  for (int i = 0; i < 8; ++i) {
    state[i] += s[i];
  }
}

static uint64_t run_hash(void) {
  uint32_t constants[64];
  for (int i = 0; i < 64; ++i) {
    constants[i] = 0x428a2f98u * (uint32_t)(2 * i + 1);  // any constants cost the same
  }
  uint32_t state[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  uint32_t block[16];
  for (uint32_t done = 0; done < 16000000 / 64; ++done) {
    for (uint32_t i = 0; i < 16; ++i) {
      block[i] = done * 31 + i;
    }
    sha256_block(state, constants, block);
  }
  return (uint64_t)state[0] << 32 | state[7];
}

// Multiplies two matrices of 200 x 200 twelve times: double-precision arithmetic on a megabyte.
static uint64_t run_matrix(void) {
  enum { size = 200, rounds = 12 };
  static double left[size][size], right[size][size], product[size][size];
  for (int row = 0; row < size; ++row) {
    for (int column = 0; column < size; ++column) {
      left[row][column] = row + 0.5 * column;
      right[row][column] = row - 0.25 * column;
    }
  }
  for (int round = 0; round < rounds; ++round) {
    for (int row = 0; row < size; ++row) {
      for (int column = 0; column < size; ++column) {
        product[row][column] = round;
      }
      for (int inner = 0; inner < size; ++inner) {
        const double factor = left[row][inner];
        for (int column = 0; column < size; ++column) {
          product[row][column] += factor * right[inner][column];
        }
      }
    }
    left[round][round] = product[round][size - 1 - round] / size;
  }
  uint64_t answer;
  memcpy(&answer, &product[size - 1][size - 1], sizeof answer);
  return answer;
}

// What a tool does with a document: the text of one is written, then read, member by member.
static const char* skip_json(const char* at, uint64_t* answer);

static const char* skip_json_string(const char* at, uint64_t* answer) {
  for (++at; *at != '"'; ++at) {
    if (*at == '\\') {
      ++at;
    }
    *answer = *answer * 31 + (uint8_t)*at;
  }
  return at + 1;
}

static const char* skip_json_members(const char* at, char end, uint64_t* answer) {
  for (++at; *at != end;) {
    at = skip_json(at, answer);
    if (*at == ':' || *at == ',') {
      ++at;
    }
  }
  return at + 1;
}

static const char* skip_json(const char* at, uint64_t* answer) {
  switch (*at) {
    case '{':
      return skip_json_members(at, '}', answer);
    case '[':
      return skip_json_members(at, ']', answer);
    case '"':
      return skip_json_string(at, answer);
    default: {
      char* end;
      *answer += (uint64_t)strtol(at, &end, 10);
      return end;
    }
  }
}

static uint64_t run_json(void) {
  enum { records = 1000, rounds = 60, longest = 160 };
  char* text = malloc(records * longest + 2);
  if (text == NULL) {
    return 0;
  }
  uint64_t answer = 0;
  for (int round = 0; round < rounds; ++round) {
    char* at = text;
    *at++ = '[';
    for (int i = 0; i < records; ++i) {
      at += snprintf(at, longest,
                     "%s{\"id\":%d,\"name\":\"user "
                     "%d\",\"tags\":[\"a\",\"b\\n\",\"%x\"],\"at\":{\"x\":%d,\"y\":%d}}",
                     i == 0 ? "" : ",", i, i * round, i * 7919, i - round, round - i);
    }
    *at++ = ']';
    *at = '\0';
    skip_json(text, &answer);
  }
  free(text);
  return answer;
}

// Takes and gives back three million blocks of 16 to 511 bytes, a thousand of them at a time.
static uint64_t run_allocation(void) {
  enum { live = 1000, rounds = 3000000 };
  static uint8_t* blocks[live];
  uint64_t state = 88172645463325252;
  uint64_t answer = 0;
  for (int round = 0; round < rounds; ++round) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    uint8_t** block = &blocks[state % live];
    if (*block != NULL) {
      answer += **block;
      free(*block);
    }
    *block = malloc(16 + (state >> 32) % 496);
    if (*block == NULL) {
      return 0;
    }
    **block = (uint8_t)round;
  }
  for (int i = 0; i < live; ++i) {
    free(blocks[i]);
    blocks[i] = NULL;
  }
  return answer;
}

int main(int argc, char** argv) {
  const struct {
    const char* name;
    uint64_t (*run)(void);
  } kernels[] = {{"hash", run_hash},
                 {"branches", run_branches},
                 {"sieve", run_sieve},
                 {"nbody", run_nbody},
                 {"matrix", run_matrix},
                 {"json", run_json},
                 {"allocation", run_allocation}};
  const char* wanted = argc > 1 ? argv[1] : "hash";
  for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; ++i) {
    if (strcmp(wanted, kernels[i].name) == 0) {
      printf("%s %016llx\n", wanted, (unsigned long long)kernels[i].run());
      return 0;
    }
  }
  fprintf(stderr, "compute: no kernel '%s'; choose one of", wanted);
  for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; ++i) {
    fprintf(stderr, " %s", kernels[i].name);
  }
  fputc('\n', stderr);
  return 2;
}
