/* The load generator's hot loops. */

/* The version of what stands in this file's interface; `crossloop.load.native` refuses another. */
int crossloop_load_version(void) { return 1; }
