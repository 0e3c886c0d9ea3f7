/* SPDX-License-Identifier: Apache-2.0 */
/* kedge-init as bytes inside kedge: found without a path, so nobody can put another program in its place. The name is relative
 * to the build directory, where make runs. */
	.section .rodata
	.balign 64
	.globl kedge_init_start
	.hidden kedge_init_start
	.type kedge_init_start, %object
kedge_init_start:
	.incbin "init/kedge-init"
	.globl kedge_init_end
	.hidden kedge_init_end
	.type kedge_init_end, %object
kedge_init_end:
	.byte 0
	.size kedge_init_start, kedge_init_end - kedge_init_start
	.section .note.GNU-stack, "", %progbits
