/* Opening shared libraries. A pointer is written before `ready` is, and never again. */
#include "base/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static alf_status find_functions(const library *l, void *handle, alf_error *err)
{
    for (size_t i = 0; i < l->count; i++) {
        void *symbol = dlsym(handle, l->names[i]);
        if (symbol == NULL)
            return error_set(err, ALF_E_UNSUPPORTED,
                             "%s has no function %s; install the version that this program was "
                             "built for",
                             l->file, l->names[i]);
        /* How POSIX turns one into the other. */
        memcpy((char *)l->functions + i * sizeof symbol, &symbol, sizeof symbol);
    }
    return ALF_OK;
}

static alf_status open_library(const library *l, alf_error *err)
{
    /* Never unloaded: libraries register what runs at the end, and keep thread-local data. */
    void *handle = dlopen(l->file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle != NULL)
        return find_functions(l, handle, err);
    const char *reason = dlerror();
    return error_set(err, ALF_E_NOT_FOUND,
                     "cannot load %s: %.250s; install the package that has it", l->file,
                     reason != NULL ? reason : "no reason given");
}

alf_status library_need(library *l, alf_error *err)
{
    if (atomic_load_explicit(&l->ready, memory_order_acquire))
        return ALF_OK;
    (void)pthread_mutex_lock(&opening);
    alf_status status = ALF_OK;
    if (!atomic_load_explicit(&l->ready, memory_order_relaxed)) {
        status = open_library(l, err);
        atomic_store_explicit(&l->ready, status == ALF_OK, memory_order_release);
    }
    (void)pthread_mutex_unlock(&opening);
    return status;
}
