#include "progress.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static struct {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t ended;
  const char *what;
  int percent; /* -1: not known */
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
    fprintf(stderr, "\rcloss: %s, %d s", line.what, seconds);
    if (line.percent >= 0) fprintf(stderr, ", %d %%", line.percent);
    fputs("\033[K", stderr);
    shown = true;
  }
  if (shown) fputs("\r\033[K", stderr);
  pthread_mutex_unlock(&line.mutex);
  return NULL;
}

void progress_begin(const char *what) {
  if (isatty(STDERR_FILENO) == 0) return;
  line.what = what;
  line.end = false;
  line.percent = -1;
  line.running = pthread_create(&line.thread, NULL, show, NULL) == 0;
}

void progress_share(double done) {
  if (!line.running) return;
  pthread_mutex_lock(&line.mutex);
  line.percent = (int)(done * 100);
  pthread_mutex_unlock(&line.mutex);
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
