#include "progress.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t ended;
  const char *what;
  char detail[160]; /* with ", " before it, or empty */
  bool running, end;
} line = {.mutex = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

static void *show(void *unused) {
  (void)unused;
  struct timespec wake;
  clock_gettime(CLOCK_REALTIME, &wake);
  pthread_mutex_lock(&line.mutex);
  bool shown = false;
  for (int seconds = 1; !line.end; seconds++) {
    wake.tv_sec++;
    while (!line.end && pthread_cond_timedwait(&line.ended, &line.mutex, &wake) == 0)
      continue;
    if (line.end) break;
    fprintf(stderr, "\rcloss: %s%s, %d s\033[K", line.what, line.detail, seconds);
    shown = true;
  }
  if (shown) fputs("\r\033[K", stderr);
  pthread_mutex_unlock(&line.mutex);
  return NULL;
}

void progress_begin(const char *what) {
  if (isatty(STDERR_FILENO) == 0) return;
  line.what = what;
  line.detail[0] = 0;
  line.end = false;
  line.running = pthread_create(&line.thread, NULL, show, NULL) == 0;
}

void progress_update(const char *format, ...) {
  va_list values;
  if (!line.running) return;
  va_start(values, format);
  pthread_mutex_lock(&line.mutex);
  strcpy(line.detail, ", ");
  vsnprintf(line.detail + 2, sizeof line.detail - 2, format, values);
  pthread_mutex_unlock(&line.mutex);
  va_end(values);
}

void progress_end(void) {
  if (!line.running) return;
  pthread_mutex_lock(&line.mutex);
  line.end = true;
  pthread_cond_signal(&line.ended);
  pthread_mutex_unlock(&line.mutex);
  pthread_join(line.thread, NULL);
  line.running = false;
}
