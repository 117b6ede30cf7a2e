/* Where Py_Main has started the interpreter and comes to the program: 06-main.patch calls it, vm.c has it. */
#ifndef BCTRACE_MAIN_H
#define BCTRACE_MAIN_H

/* Called with the GIL held, right before the first instruction of what the command line names: a script, a command, a module
 * with the bytecode of runpy, PYTHONSTARTUP's file, or standard input. */
void bctrace_program_begins(void);

#endif
