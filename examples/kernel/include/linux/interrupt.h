/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_INTERRUPT_H_
#define _LINUX_INTERRUPT_H_

#include <linux/types.h>

typedef enum irqreturn { IRQ_NONE, IRQ_HANDLED, IRQ_WAKE_THREAD } irqreturn_t;
typedef irqreturn_t (*irq_handler_t)(int irq, void *data);

int request_irq(unsigned int irq, irq_handler_t handler, unsigned long flags, const char *name, void *data);
int request_threaded_irq(unsigned int irq, irq_handler_t handler, irq_handler_t thread, unsigned long flags, const char *name, void *data);
void free_irq(unsigned int irq, void *data);
void local_bh_disable(void);
void local_bh_enable(void);

#endif
