/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the address sanitizer is built in, which reserves more memory than limits would let. */
#pragma once

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif
