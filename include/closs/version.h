/**
 * @file version.h
 * The version of the library, and how it exports symbols.
 */
#ifndef CLOSS_VERSION_H
#define CLOSS_VERSION_H

/** The version of these headers, in parts. */
#define CLOSS_VERSION_MAJOR 0
#define CLOSS_VERSION_MINOR 1 /**< see #CLOSS_VERSION_MAJOR */
#define CLOSS_VERSION_PATCH 0 /**< see #CLOSS_VERSION_MAJOR */
/** The version of these headers, "MAJOR.MINOR.PATCH". */
#define CLOSS_VERSION "0.1.0"

#if defined(_WIN32)
#define CLOSS_API
#else
#define CLOSS_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** @addtogroup status
 * @{ */

/** The version of the library that runs, "MAJOR.MINOR.PATCH"; compare with CLOSS_VERSION, that of the headers. Never
 * freed. */
CLOSS_API const char *closs_version(void);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
