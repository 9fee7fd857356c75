/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CONF_MASK_H
#define PGWEIR_CONF_MASK_H

#include "conf/config.h"

/* Sets of rows of the settings table. */

static inline void mask_add(struct config_mask *mask, unsigned row)
{
	mask->bits[row / 64] |= UINT64_C(1) << row % 64;
}

static inline void mask_remove(struct config_mask *mask, unsigned row)
{
	mask->bits[row / 64] &= ~(UINT64_C(1) << row % 64);
}

static inline bool mask_has(const struct config_mask *mask, unsigned row)
{
	return (mask->bits[row / 64] >> row % 64 & 1) != 0;
}

#endif
