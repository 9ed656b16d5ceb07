/* Random UUIDs, in the form in which they become file names and ids. */
#ifndef BASE_UUID_H
#define BASE_UUID_H
#include <stdbool.h>

enum { UUID_TEXT_SIZE = 37 };

void uuid_make(char out[UUID_TEXT_SIZE]);
/* Exactly the form that uuid_make prints. */
bool uuid_valid(const char *text);
#endif
