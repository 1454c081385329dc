//! Every construct of the language, lowered and printed.

use crate::common;
use crate::common::functions;
use expect_test::expect;

#[test]
fn short_circuits_and_conditionals() {
    let text = r#"struct s { int x, y, c; struct s *next; int arr[4]; };
int f(struct s *p, int n)
{
	if (p && p->x > 0 && !(n == 3 || p->y))
		return p->x ? p->y : 7;
	n = n ? 1 : 2;
	n = p->c ?: n;
	if (!!n == 0)
		return n > 1 && n < 5;
	return p->next && p->next->x;
}
"#;
    expect![[r#"
        function f(p, n) @2
        b0:
            4  if p then b1 else b7
        b1:
            4  if p->x > 0 then b2 else b7
        b2:
            4  if n == 3 then b7 else b3
        b3:
            4  if p->y then b7 else b4
        b4:
            5  if p->x then b5 else b6
        b5:
            5  return p->y
        b6:
            5  return 7
        b7:
            6  n = (n ? 1 : 2)
            7  n = (p->c ? p->c : n)
            8  if n then b9 else b8
        b8:
            9  return ((n > 1) ? (n < 5) : 0)
        b9:
           10  if p->next then b10 else b12
        b10:
           10  if p->next->x then b11 else b12
        b11:
           10  return 1
        b12:
           10  return 0
    "#]]
    .assert_eq(&functions(text));
}

#[test]
fn effects_are_hoisted_in_order() {
    let text = r#"struct s { int x, y; struct s *next; int arr[4]; int *q; };
int foo(int a, int b);
int bar(int a);
void g(struct s *p, int n)
{
	int i, *q = &n;
	p->arr[i] = *q++ + foo(p->x, bar(i));
	p->x = p->y = i = bar(1);
	i += p->next->x++;
	n = (bar(2), i--);
	*p->q = ({ int z = n; z + 1; });
	p->arr[1] <<= 2;
	(void)bar(3);
	*p;
}
"#;
    expect![[r#"
        function g(p, n) @4
        b0:
            6  declare i
            6  q = &n
            7  %0 = q
            7  q = %0 + 1
            7  %1 = *%0
            7  %2 = p->x
            7  %3 = bar(i)
            7  %4 = foo(%2, %3)
            7  p->arr[i] = %1 + %4
            8  i = bar(1)
            8  p->y = i
            8  p->x = i
            9  %5 = p->next->x
            9  p->next->x = %5 + 1
            9  i = i + %5
           10  bar(2)
           10  %6 = i
           10  i = %6 - 1
           10  n = %6
           11  z = n
           11  *p->q = z + 1
           12  p->arr[1] = p->arr[1] << 2
           13  bar(3)
           14  eval *p
           15  return
    "#]]
    .assert_eq(&functions(text));
}

#[test]
fn loops() {
    let text = r#"struct s { int x; struct s *list; };
int next(int a);
int f(int n)
{
	int i;
	for (i = 0; i < n; i++) {
		if (i == 2)
			continue;
		if (i == 5)
			break;
		next(i);
	}
	while (n-- > 0)
		next(n);
	do {
		n += 2;
	} while (0);
	do {
		if (n == 9)
			continue;
		n++;
	} while (next(n));
	for (;;)
		next(0);
}
void g(struct s *head)
{
	struct s *pos;
	list_for_each_entry(pos, head, list) {
		if (pos->x)
			break;
	}
}
"#;
    expect![[r#"
        function f(n) @3
        b0:
            5  declare i
            6  i = 0
            6  goto b1
        b1:
            6  if i < n then b2 else b6
        b2:
            7  if i == 2 then b5 else b3
        b3:
            9  if i == 5 then b6 else b4
        b4:
           11  next(i)
            6  goto b5
        b5:
            6  i = i + 1
            6  goto b1
        b6:
           13  %0 = n
           13  n = %0 - 1
           13  if %0 > 0 then b7 else b8
        b7:
           14  next(n)
           13  goto b6
        b8:
           16  n = n + 2
           17  goto b9
        b9:
           19  if n == 9 then b11 else b10
        b10:
           21  n = n + 1
           22  goto b11
        b11:
           22  %1 = next(n)
           22  if %1 then b9 else b12
        b12:
           24  next(0)
           23  goto b12
        function g(head) @26
        b0:
           28  declare pos
           29  goto b1
        b1:
           29  loop list_for_each_entry(pos, head, "list") body b2 exit b3
        b2:
           29  next list_for_each_entry(pos, head, "list")
           30  if pos->x then b3 else b1
        b3:
           33  return
    "#]]
    .assert_eq(&functions(text));
}

#[test]
fn switches() {
    let text = r#"enum kind { ONE = 1, TWO, THREE };
int f(int x, int y)
{
	switch (x) {
	case ONE:
	case TWO:
		y = 1;
	case THREE ... 7:
		y++;
		break;
	case UNKNOWN_LABEL:
		return 5;
	default:
		if (0) {
	case 9:
			y = 9;
		}
		return y;
	}
	switch (sizeof(x)) {
	case 1:
		y = 1;
		break;
	case 4:
		y = 4;
		break;
	}
	return y;
}
void duff(char *to, char *from, int n)
{
	switch (n % 2) {
	case 0:
		do {
			*to++ = *from++;
	case 1:
			*to++ = *from++;
		} while (--n > 0);
	}
}
"#;
    expect![[r#"
        function f(x, y) @2
        b0:
            4  switch x 1:b1 2:b1 3...7:b2 -9223372036854775807:b3 9:b4 default:b5
        b1:
            7  y = 1
            8  goto b2
        b2:
            9  y = y + 1
           25  y = 4
           28  return y
        b3:
           12  return 5
        b4:
           16  y = 9
           14  goto b5
        b5:
           18  return y
        function duff(to, from, n) @30
        b0:
           32  switch n % 2 0:b1 1:b2 default:b3
        b1:
           35  %0 = to
           35  to = %0 + 1
           35  %1 = from
           35  from = %1 + 1
           35  *%0 = *%1
           36  goto b2
        b2:
           37  %2 = to
           37  to = %2 + 1
           37  %3 = from
           37  from = %3 + 1
           37  *%2 = *%3
           38  n = n - 1
           38  if n > 0 then b1 else b3
        b3:
           40  return
    "#]]
    .assert_eq(&functions(text));
}

#[test]
fn gotos_labels_and_assembly() {
    let text = r#"int test(int a);
int f(int x)
{
	void *where = &&two;
retry:
	if (test(x))
		goto retry;
	if (x == 3)
		goto out;
	asm volatile("nop" : "=r"(x) : "r"(x));
	goto *where;
two:
	asm goto("jmp %l0" : : "i"(1) : : out);
	x = 2;
out:
	return x;
	x = 3;
}
"#;
    expect![[r#"
        function f(x) @2
        b0:
            4  where = ?
            5  goto b1
        b1:
            6  %0 = test(x)
            6  if %0 then b1 else b2
        b2:
            8  if x == 3 then b6 else b3
        b3:
           10  eval x
           10  asm
           10  x = ?
           11  any b4
        b4:
           13  asm
           13  any b5 b6
        b5:
           14  x = 2
           15  goto b6
        b6:
           16  return x
    "#]]
    .assert_eq(&functions(text));
}

#[test]
fn cleanups_run_on_every_exit() {
    let text = r#"struct mutex { int m; };
struct s { struct mutex lock, l2; int z, w; char *kept; };
void put(struct s **p);
void *take(struct s *p);
char *f(struct s *p)
{
	guard(mutex)(&p->lock);
	char *buf __free(kfree) = kzalloc(10, 3);
	struct s *q __attribute__((cleanup(put))) = p;

	if (!buf)
		return 0;
	scoped_guard(spinlock, &p->l2) {
		if (p->z)
			goto out;
		if (p->w)
			break;
		p->w = 1;
	}
	while (p->z) {
		guard(rcu)();
		if (p->w == 4)
			continue;
		if (p->w == 5)
			break;
	}
	return_ptr(buf);
out:
	p->kept = no_free_ptr(buf);
	return p->kept;
}
int g(struct s *p)
{
	CLASS(thing, t)(p, 3);
	scoped_cond_guard(mutex_intr, return -4, &p->lock)
		p->w = 2;
	return p->w;
}
"#;
    expect![[r#"
        function f(p) @5
        b0:
            7  enter #0 mutex(&p->lock)
            8  buf = kzalloc(10, 3)
            9  q = p
           11  if buf then b2 else b1
        b1:
           12  cleanup put(&q)
           12  cleanup __free_kfree(buf)
           12  exit #0 mutex(&p->lock)
           12  return 0
        b2:
           13  enter #1 spinlock(&p->l2)
           14  if p->z then b13 else b3
        b3:
           16  if p->w then b4 else b5
        b4:
           17  exit #1 spinlock(&p->l2)
           17  goto b6
        b5:
           18  p->w = 1
           19  exit #1 spinlock(&p->l2)
           19  goto b6
        b6:
           20  if p->z then b7 else b12
        b7:
           21  enter #2 rcu()
           22  if p->w == 4 then b8 else b9
        b8:
           23  exit #2 rcu()
           23  goto b6
        b9:
           24  if p->w == 5 then b10 else b11
        b10:
           25  exit #2 rcu()
           25  goto b12
        b11:
           26  exit #2 rcu()
           20  goto b6
        b12:
           27  %0 = return_ptr(buf)
           27  buf = 0
           27  cleanup put(&q)
           27  cleanup __free_kfree(buf)
           27  exit #0 mutex(&p->lock)
           27  return %0
        b13:
           15  exit #1 spinlock(&p->l2)
           29  %1 = no_free_ptr(buf)
           29  buf = 0
           29  p->kept = %1
           30  %2 = p->kept
           30  cleanup put(&q)
           30  cleanup __free_kfree(buf)
           30  exit #0 mutex(&p->lock)
           30  return %2
        function g(p) @32
        b0:
           34  t = class_thing_constructor(p, 3)
           35  if ? then b2 else b1
        b1:
           35  cleanup class_thing_destructor(&t)
           35  return -4
        b2:
           35  enter #0 mutex_intr(&p->lock)
           36  p->w = 2
           35  exit #0 mutex_intr(&p->lock)
           37  %0 = p->w
           37  cleanup class_thing_destructor(&t)
           37  return %0
    "#]]
    .assert_eq(&functions(text));
}

#[test]
fn model_names() {
    let text = r#"struct list_head { struct list_head *next; };
struct inner { struct list_head list; };
struct outer { int a; struct inner in; };
struct wq { int x; };
struct s { struct wq wq; int done, ok; struct outer *o; };
int f(struct s *p, struct list_head *l)
{
	LIST_HEAD(tmp);
	struct outer *o = container_of(l, struct outer, in.list);
	struct outer *o2 = ({ void *__mptr = (void *)(l); ((struct outer *)(__mptr - __builtin_offsetof(struct outer, in))); });
	int v = READ_ONCE(p->done);
	WRITE_ONCE(p->done, v + 1);
	rcu_assign_pointer(p->o, o);
	o2 = rcu_dereference(p->o);
	wait_event(p->wq, p->done);
	if (wait_event_interruptible(p->wq, p->done && p->ok))
		return o2->a;
	if (WARN_ON(p->done && p->ok))
		BUG();
	WARN_ON(v);
	v = WARN_ON(!o);
	return v;
}
"#;
    expect![[r#"
        function f(p, l) @6
        b0:
            8  declare tmp
            8  LIST_HEAD(&tmp)
            9  o = container_of(l, struct outer *, in)
           10  o2 = container_of(l, struct outer *, in)
           11  v = READ_ONCE(p->done)
           12  WRITE_ONCE(&p->done, v + 1)
           13  rcu_assign_pointer(&p->o, o)
           14  o2 = rcu_dereference(p->o)
           15  goto b1
        b1:
           15  wait_event(p->wq, ?)
           15  if p->done then b2 else b1
        b2:
           16  %0 = wait_event_interruptible(p->wq, ?)
           16  if p->done then b3 else b6
        b3:
           16  if p->ok then b4 else b6
        b4:
           16  if %0 then b5 else b7
        b5:
           16  unreachable
        b6:
           16  if %0 then b7 else b2
        b7:
           16  if %0 then b8 else b9
        b8:
           17  return o2->a
        b9:
           18  if p->done then b10 else b12
        b10:
           18  if p->ok then b11 else b12
        b11:
           18  WARN_ON(1)
           19  BUG()
           19  unreachable
        b12:
           20  if v then b13 else b14
        b13:
           20  WARN_ON(1)
           20  goto b14
        b14:
           21  if o then b16 else b15
        b15:
           21  WARN_ON(1)
           21  %1 = 1
           21  goto b17
        b16:
           21  %1 = 0
           21  goto b17
        b17:
           21  v = %1
           22  return v
    "#]]
    .assert_eq(&functions(text));
}

#[test]
fn constants_fold() {
    let text = r#"#define FLAG (1u << 31)
#define CONFIGURED 0
#define container(p, t, m) ((t *)((char *)(p) - __builtin_offsetof(t, m)))
enum { A = 3, B = A * 2 };
struct s { char c; long l; int arr[B]; };
int never(void);
int f(struct s *p, unsigned int u, long *q)
{
	char buf[sizeof(struct s) + A];
	struct s *r = container(q, struct s, l);
	if (CONFIGURED && never())
		never();
	if (__builtin_expect(!!(u & FLAG), 0))
		u = ~0u >> 4;
	if (__builtin_constant_p(u) ? never() : 0)
		never();
	u = sizeof(p->arr) / sizeof(p->arr[0]);
	u = _Generic(u, int: 1, unsigned int: 2, default: 3);
	u = __builtin_types_compatible_p(typeof(u), unsigned int);
	u = __builtin_choose_expr(sizeof(long) == 8, B, never());
	u = -1 < 0u;
	return sizeof(buf) + __builtin_offsetof(struct s, arr[2]) + (r == 0);
}
"#;
    expect![[r#"
        function f(p, u, q) @7
        b0:
            9  declare buf
           10  r = container_of(q, struct s *, l)
           13  if u & 2147483648 then b1 else b2
        b1:
           14  u = 268435455
           13  goto b2
        b2:
           17  u = 6
           18  u = 2
           19  u = 1
           20  u = 6
           21  u = 0
           22  return 67 + (r == 0)
    "#]]
    .assert_eq(&functions(text));
}

#[test]
fn initialisers_of_locals() {
    let text = r#"struct in { int a, b; };
struct s { int x; struct in in[2]; union { int u; long v; }; char name[8]; };
void use(struct s *s);
void f(int n)
{
	struct s a = { .in = { [1] = { .b = n } }, .u = 3, .name = "abc" };
	struct s b = { 1, 2, 3, { 4, 5 }, 6 };
	struct s c = { };
	struct in d = (struct in){ n, 2 };
	int e[] = { 1, [4] = 5, 6 };
	static const int table[] = { 7, 8 };
	use(&(struct s){ .x = n });
	a.u = sizeof(e) + table[n];
	b = c;
	c.in[0] = d;
}
"#;
    expect![[r#"
        function f(n) @4
        b0:
            6  zero a
            6  a.in[1].b = n
            6  a.u = 3
            6  a.name = "abc"
            7  zero b
            7  b.x = 1
            7  b.in[0].a = 2
            7  b.in[0].b = 3
            7  b.in[1].a = 4
            7  b.in[1].b = 5
            7  b.u = 6
            8  zero c
            9  zero %0
            9  %0.a = n
            9  %0.b = 2
            9  d = %0
           10  zero e
           10  e[0] = 1
           10  e[4] = 5
           10  e[5] = 6
           12  zero %1
           12  %1.x = n
           12  use(&%1)
           13  a.u = 24 + table[n]
           14  b = c
           15  c.in[0] = d
           16  return
    "#]]
    .assert_eq(&functions(text));
}

#[test]
fn places_and_decay() {
    let text = r#"struct ops { int (*fn)(int); };
struct bits { unsigned a:3; struct { int deep; }; };
struct s { int arr[4]; struct s *next; const struct ops *ops; struct bits bits; int (*fp)(int); int flex[]; };
int real(int x);
int *f(struct s *p, int i, struct s all[], struct unknown *u)
{
	int *q = p->arr;
	int *r = &p->arr[i];
	int (*fp)(int) = real;
	q = &*r;
	*&i = 2;
	q[0] = p[i].arr[1] + *(p->arr + 2);
	all[2].bits.a = p->bits.deep;
	p->ops->fn(fp(real(i)));
	(*p->fp)(p->flex[3]);
	u->field->other = i;
	*p->next = *p;
	return &p->next->flex[i];
}
"#;
    expect![[r#"
        function f(p, i, all, u) @5
        b0:
            7  q = &p->arr
            8  r = &p->arr[i]
            9  fp = real
           10  q = r
           11  i = 2
           12  *q = (p + i)->arr[1] + p->arr[2]
           13  (all + 2)->bits.a = p->bits.deep
           14  %0 = real(i)
           14  %1 = (*fp)(%0)
           14  (*p->ops->fn)(%1)
           15  (*p->fp)(p->flex[3])
           16  u->field->other = i
           17  *p->next = *p
           18  return &p->next->flex[i]
    "#]]
    .assert_eq(&functions(text));
}

#[test]
fn calls_that_do_not_return() {
    let text = r#"__attribute__((noreturn)) void stop(int code);
int f(int x)
{
	if (x == 1)
		BUG();
	if (x == 2)
		stop(3);
	if (x == 3)
		__builtin_unreachable();
	return 0;
}
"#;
    expect![[r#"
        function f(x) @2
        b0:
            4  if x == 1 then b1 else b2
        b1:
            5  BUG()
            5  unreachable
        b2:
            6  if x == 2 then b3 else b4
        b3:
            7  stop(3)
            7  unreachable
        b4:
            8  if x == 3 then b5 else b6
        b5:
            9  unreachable
        b6:
           10  return 0
    "#]]
    .assert_eq(&functions(text));
}

#[test]
fn nesting_is_capped_and_long_chains_are_not_nesting() {
    let deep = format!("int f(int x)\n{{\n\treturn {}x{};\n}}\n", "!(x + ".repeat(3000), ")".repeat(3000));
    let blocks = format!("int f(int x)\n{{\n{}x = 1;{}\n\treturn x;\n}}\n", "if (x) {".repeat(3000), "}".repeat(3000));
    for text in [deep, blocks] {
        common::with(&text, |program, reader| {
            let index = program.functions(cuthere_base::FileId(0))[0];
            let func = reader.function(cuthere_cfront::outline::ItemRef { file: cuthere_base::FileId(0), item: index });
            common::check(&func);
            assert!(!func.is_complete());
        });
    }
    let cases: String = (0..2000).map(|n| format!("case {n}:\n")).collect();
    let text = format!("int f(int x)\n{{\nswitch (x) {{\n{cases}return 1;\n}}\nreturn 0;\n}}\n");
    common::with(&text, |program, reader| {
        let index = program.functions(cuthere_base::FileId(0))[0];
        let func = reader.function(cuthere_cfront::outline::ItemRef { file: cuthere_base::FileId(0), item: index });
        common::check(&func);
        if func.is_complete() {
            assert_eq!(func.blocks.len(), 3);
        }
    });
}

#[test]
fn long_comma_expressions_are_lowered_whole() {
    let parts = vec!["x++"; 500].join(", ");
    let text = format!("int f(int x)\n{{\n\t{parts};\n\treturn {parts};\n}}\n");
    common::with(&text, |program, reader| {
        let index = program.functions(cuthere_base::FileId(0))[0];
        let func = reader.function(cuthere_cfront::outline::ItemRef { file: cuthere_base::FileId(0), item: index });
        assert!(func.is_complete(), "{:?}", func.gaps);
        // 999 increments, and one whose old value is kept first.
        assert_eq!(func.ops.len(), 1001);
    });
}

#[test]
fn computed_gotos_without_number_are_a_gap() {
    let n = 300;
    let table: String = (0..n).map(|i| format!("&&L{i},")).collect();
    let gotos: String = (0..n).map(|i| format!("L{i}: x++; goto *t[x];\n")).collect();
    let text = format!("int f(int x)\n{{\n\tstatic void *t[] = {{ {table} }};\n{gotos}\treturn x;\n}}\n");
    let out = common::functions(&text);
    assert!(out.contains("too many targets of computed gotos"), "the rest is given up");
}
