/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_DELAY_H_
#define _LINUX_DELAY_H_

void msleep(unsigned int msecs);
void usleep_range(unsigned long min, unsigned long max);
void udelay(unsigned long usecs);

#endif
