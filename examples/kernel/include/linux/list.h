/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_LIST_H_
#define _LINUX_LIST_H_

#include <linux/types.h>

#define LIST_HEAD(name) struct list_head name = { &(name), &(name) }
void list_add(struct list_head *new, struct list_head *head);
void list_add_rcu(struct list_head *new, struct list_head *head);
void list_del(struct list_head *entry);
void list_del_rcu(struct list_head *entry);
#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_for_each_entry(pos, head, member) \
	for (pos = list_entry((head)->next, typeof(*pos), member); \
	     &pos->member != (head); \
	     pos = list_entry(pos->member.next, typeof(*pos), member))
#define list_for_each_entry_rcu(pos, head, member) list_for_each_entry(pos, head, member)

#endif
