/* The web page at /: its files, which lie in the program (src/ui/), and what keeps other pages from using it. */
#ifndef REGISTRY_PAGE_H
#define REGISTRY_PAGE_H
#include <stdbool.h>

#include "base/embedded.h"

struct request;

/* A browser that is asked to change something on behalf of a page says so. Ours adds the header Sampan-Page, which a page of another origin
 * can't without asking first, and we never agree: so without it the request is refused. False if it answered. Registry clients are no browsers. */
bool page_guards(struct request *request);

extern const struct embedded_file page_files[]; /* compressed */
#endif
