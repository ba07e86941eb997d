#include "translation.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* Filled before cores run, and only read then. */
static struct {
    const TranslatedPage **page;
    unsigned count;
} known[2][TRANSLATED_PAGES];

static bool remember(const TranslatedPage *page)
{
    if (page->number >= TRANSLATED_PAGES || page->thumb > 1 || page->skip > TRANSLATED_PAGE_BYTES) {
        return false;
    }
    unsigned count = known[page->thumb][page->number].count;
    const TranslatedPage **list =
        realloc(known[page->thumb][page->number].page, (count + 1) * sizeof *list);
    if (!list) {
        return false;
    }
    list[count] = page;
    known[page->thumb][page->number].page = list;
    known[page->thumb][page->number].count = count + 1;
    return true;
}

bool translation_load(const char *path, const char *key)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const Translation *t = library ? dlsym(library, "spinnemu_translation") : NULL;
    if (!t || t->magic != TRANSLATION_MAGIC || t->cpu_bytes != sizeof(Cpu) || t->slice_bytes != sizeof(Slice) ||
        strcmp(t->key, key) != 0) {
        if (library) {
            dlclose(library);
        }
        return false;
    }
    for (unsigned i = 0; i < t->pages; ++i) {
        if (!remember(&t->page[i])) {
            return false;
        }
    }
    return true;
}

TranslatedCode *translation_find(const uint8_t *bytes, unsigned number, bool thumb)
{
    size_t length = TRANSLATED_PAGE_BYTES + TRANSLATED_LOOKAHEAD;
    for (unsigned i = 0; i < known[thumb][number].count; ++i) {
        const TranslatedPage *page = known[thumb][number].page[i];
        if (!memcmp(page->bytes + page->skip, bytes + page->skip, length - page->skip)) {
            return page->code;
        }
    }
    return NULL;
}
