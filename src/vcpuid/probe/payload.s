# What a guest runs in the place of firmware: every CPU reports its CPUID and MSRs, then the guest ends.
#
# The runner makes a ROM of 64 KiB: its tables (rom.py) at the bottom, the bytes of this file at the top, where the
# reset vector is. Each CPU reports what a reset leaves it (rows of CPUID, then MSRs), switches on all that it can in
# CR4, XCR0 and IA32_XSS, and reports its rows again. Then it wakes the next one; the last ends the guest.
#
# CPUID is asked in long mode where the CPU has it: elsewhere Intel's CPUs hide SYSCALL (SDM vol. 2A, CPUID.80000001H:
# EDX[11]), and so does the TCG of QEMU 10.0 and 11.1. The code stays 32-bit code, in compatibility mode.
#
# A record is a tag, the length of its body in bytes, the body in little-endian words of 32 bits, and a byte that makes
# the sum of all bytes 0. It leaves by the debug console's port. records.py reads them:
#
#   C  a CPU begins                 APIC id
#   L  a row of CPUID               leaf, subleaf, eax, ebx, ecx, edx
#   M  an MSR                       index, low half, high half
#   G  an MSR that faults           index
#   S  what could be switched on    CR4, XCR0 low and high, IA32_XSS low and high; rows follow
#   E  a CPU has ended              -
#   F  a fault that is not expected EIP as the handler found it on the stack, or the error code
#   Z  all have ended               number of records before this one
#
# Assemble: as --32 payload.s -o payload.o; ld -m elf_i386 -Ttext 0xfffffa00 -e 0 --oformat binary payload.o -o payload.bin

    .intel_syntax noprefix

    .set ROM, 0xffff0000        # where the ROM begins: the tables
    .set PAYLOAD, 0xfffffa00    # where these bytes begin
    .set PAYLOAD_SIZE, 0x600

    # The tables, as rom.py lays them out.
    .set CPU_COUNT, ROM + 0
    .set RANGE_COUNT, ROM + 4
    .set RULE_COUNT, ROM + 8
    .set MSR_COUNT, ROM + 12
    .set SWITCH_COUNT, ROM + 16
    .set RULES, ROM + 20        # ranges, MSRs and switches are found by walking past them

    # A range: its first leaf, and flags.
    .set RANGE_SIZE, 8
    .set LEAST_ONE, 1           # its maximum is one more than its first leaf at least
    .set HYPERVISOR, 2          # only where CPUID.01H:ECX[31] is set
    .set OPTIONAL, 4            # only where its maximum lies within it
    .set LEAVES_PER_RANGE, 0x100

    # A condition: leaf, subleaf, register, mask. It holds where the leaf exists and the register has a bit of the mask;
    # always with a mask of 0.

    # A switch: two conditions, and the bit of CR4 that may be set where both hold. (QEMU's TCG hangs on others.)
    .set SWITCH_ALSO, 16
    .set SWITCH_CR4, 32
    .set SWITCH_SIZE, 36

    # A rule: which subleaves a leaf has. Registers are byte offsets into eax, ebx, ecx, edx.
    .set RULE_LEAF, 0
    .set RULE_KIND, 4
    .set RULE_REGISTER, 8
    .set RULE_MASK, 12
    .set RULE_FROM, 16          # the first subleaf that depends on the one before it
    .set RULE_GATE, 20          # a condition
    .set RULE_SIZE, 36
    .set COUNTED, 0             # the register of subleaf 0 is the last subleaf
    .set BITMAP, 1              # its bits name the subleaves
    .set TERMINATED, 2          # the register of each subleaf tells whether one more follows
    .set XSAVE, 3               # leaf 0DH: bits of subleaves 0 and 1 name the subleaves
    .set LAST_SUBLEAF, 63

    # Memory, zero at the start. One CPU at a time reports, so all share it, the stack too.
    .set STAGE, 0x500
    .set STAGE_COUNT, 1         # the other CPUs arrive and say their APIC ids; then each wakes the next to report
    .set STAGE_REPORT, 2
    .set ENDED, 0x504           # CPUs that have reported
    .set RECORDS, 0x508         # records written
    .set ON_FAULT, 0x50c        # where to go on after a fault; 0 where none is expected
    .set FAULT_STACK, 0x510
    .set LAST_LEAF, 0x514
    .set SUBLEAVES, 0x518       # 64 bits, or a count
    .set GATE, 0x520            # four registers
    .set RECORD, 0x540          # tag, length
    .set BODY, RECORD + 2
    .set ROW, BODY + 8          # the registers in a record L
    .set ARRIVED, 0x580
    .set READY, 0x584
    .set IS_LONG, 0x588
    .set OUTER_CR4, 0x58c
    .set IDT, 0x1000
    .set APIC_IDS, 0x2000
    .set VECTORS, 32
    .set STACK, 0x7000
    .set TRAMPOLINE, 0x8000     # where another CPU begins: page 8
    .set PML4, 0x10000
    .set PDPT, 0x11000
    .set PAGE_DIRECTORIES, 0x12000

    .set CODE, 0x08             # selectors
    .set DATA, 0x10

    .set CONSOLE_PORT, 0x402
    .set EXIT_PORT, 0xf4
    .set EXIT_DONE, 0x2a        # QEMU's exit status is twice this and one
    .set EXIT_FAULT, 0x2b

    .set APIC_ID, 0xfee00020
    .set APIC_COMMAND, 0xfee00300
    .set ALL_OTHERS, 0x000c0000
    .set APIC_INIT, 0x4500
    .set APIC_START, 0x4600 + TRAMPOLINE / 0x1000

    .set CR0_WP, 16
    .set CR0_PG, 31
    .set CR4_PAE, 5
    .set CR4_LA57, 12
    .set CR4_OSXSAVE, 18
    .set XSAVES, 3              # CPUID.(EAX=0DH,ECX=1):EAX
    .set IA32_XSS, 0xda0
    .set EFER, 0xc0000080
    .set EFER_LME, 8
    .set LONG_MODE, 29          # CPUID.80000001H:EDX
    .set PAGE_PRESENT, 3        # and writable
    .set PAGE_LARGE, 0x80

    # Enter 32-bit code. The argument is the GDT pointer's offset in the code segment.
    .macro ENTER_PROTECTED_MODE pointer
    data32 lgdt cs:[\pointer]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    data32 jmp CODE:begin
    .endm

    # What follows may fault; then it goes on at the label, with eax lost.
    .macro GUARD label
    mov dword ptr [ON_FAULT], offset \label
    mov [FAULT_STACK], esp
    .endm

    # INIT, start-up, start-up, without a stack: Intel SDM vol. 3A, 9.4.4.
    .macro WAKE whom
    mov eax, APIC_COMMAND
    mov dword ptr [eax], APIC_INIT + \whom
    mov dword ptr [eax], APIC_START + \whom
    mov dword ptr [eax], APIC_START + \whom
    .endm

    .text
    .code32

begin:                                  # every CPU
    mov eax, DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    cmp byte ptr [STAGE], STAGE_COUNT
    je arrive
    mov esp, STACK
    call catch_faults
    call report
    inc dword ptr [ENDED]
    mov eax, [ENDED]
    cmp eax, [CPU_COUNT]
    je all_ended
    cmp byte ptr [STAGE], STAGE_REPORT
    je 2f
    mov esi, offset trampoline          # the first CPU: the others arrive
    mov edi, TRAMPOLINE
    mov ecx, offset trampoline_end - trampoline
    rep movsb
    mov byte ptr [STAGE], STAGE_COUNT
    WAKE ALL_OTHERS
    mov eax, [CPU_COUNT]
    dec eax
1:  pause
    cmp eax, [READY]
    jne 1b
    mov byte ptr [STAGE], STAGE_REPORT
2:  mov eax, [ENDED]                    # the next CPU; from here on it has the stack
    mov eax, [APIC_IDS + eax * 4 - 4]
    mov [APIC_COMMAND + 0x10], eax
    WAKE 0
stop:
    hlt
    jmp stop

arrive:                                 # without a stack: several CPUs at once
    mov eax, 1
    lock xadd [ARRIVED], eax
    mov ecx, [APIC_ID]
    mov [APIC_IDS + eax * 4], ecx
    lock inc dword ptr [READY]
    jmp stop

all_ended:
    mov eax, [RECORDS]
    mov [BODY], eax
    mov al, 'Z'
    mov cl, 4
    call emit
    mov al, EXIT_DONE
leave:
    out EXIT_PORT, al
    hlt
    jmp leave

catch_faults:                           # one handler for all
    mov edi, IDT
    mov ecx, VECTORS
1:  mov dword ptr [edi], CODE * 0x10000 + (fault - begin + PAYLOAD - ROM)
    mov dword ptr [edi + 4], (ROM & 0xffff0000) + 0x8e00
    add edi, 8
    loop 1b
    lidt cs:[idt_pointer]
    ret

fault:
    pop edx
    mov esp, [FAULT_STACK]
    xor eax, eax
    xchg eax, [ON_FAULT]
    test eax, eax
    jz 1f
    jmp eax
1:  mov [BODY], edx
    mov esp, STACK
    mov al, 'F'
    mov cl, 4
    call emit
    mov al, EXIT_FAULT
    jmp leave

report:
    mov eax, 1
    cpuid
    shr ebx, 24
    mov [BODY], ebx
    mov al, 'C'
    mov cl, 4
    call emit
    call report_rows                    # leaves esi at the MSRs
    call report_msrs
    call switch_on
    call report_rows
    mov al, 'E'
    mov cl, 0
    jmp emit

report_rows:
    call enter_long_mode
    imul esi, dword ptr [RULE_COUNT], RULE_SIZE
    add esi, RULES
    mov ecx, [RANGE_COUNT]
1:  push ecx
    call report_range
    add esi, RANGE_SIZE
    pop ecx
    loop 1b
leave_long_mode:
    cmp byte ptr [IS_LONG], 0
    je 1f
    mov byte ptr [IS_LONG], 0
    mov eax, cr0
    btr eax, CR0_PG
    mov cr0, eax
    mov ecx, EFER
    rdmsr
    btr eax, EFER_LME
    wrmsr
    mov eax, [OUTER_CR4]
    mov cr4, eax
1:  ret

enter_long_mode:                        # where the CPU has it; the page tables map 4 GiB onto themselves
    mov esi, offset long_mode
    call holds
    jz 9f
    mov ecx, EFER
    GUARD 9f
    rdmsr
    bts eax, EFER_LME
    wrmsr
    and dword ptr [ON_FAULT], 0
    mov dword ptr [PML4], PDPT + PAGE_PRESENT
    mov eax, PAGE_DIRECTORIES + PAGE_PRESENT
    mov edi, PDPT
    mov ecx, 4
1:  mov [edi], eax
    add edi, 8
    add eax, 0x1000
    loop 1b
    mov eax, PAGE_PRESENT + PAGE_LARGE
    mov edi, PAGE_DIRECTORIES
    mov ecx, 4 * 512
2:  mov [edi], eax
    add edi, 8
    add eax, 0x200000
    loop 2b
    mov eax, PML4
    mov cr3, eax
    mov eax, cr4
    mov [OUTER_CR4], eax
    bts eax, CR4_PAE
    btr eax, CR4_LA57                   # it would want a fifth level
    mov cr4, eax
    mov eax, cr0
    bts eax, CR0_PG
    mov cr0, eax
    mov byte ptr [IS_LONG], 1
9:  ret

report_range:                           # esi: the range
    test byte ptr [esi + 4], HYPERVISOR
    jz 1f
    mov eax, 1
    cpuid
    test ecx, ecx
    jns 9f
1:  mov ebp, [esi]                      # ebp: the leaf
    mov eax, ebp
    xor ecx, ecx
    cpuid
    lea edx, [ebp + LEAVES_PER_RANGE - 1]
    test byte ptr [esi + 4], OPTIONAL
    jz 2f
    cmp eax, ebp
    jbe 9f
    cmp eax, edx
    ja 9f
2:  mov ecx, [esi + 4]
    and ecx, LEAST_ONE
    add ecx, ebp
    cmp eax, ecx
    jae 3f
    mov eax, ecx
3:  cmp eax, edx
    jbe 4f
    mov eax, edx
4:  mov [LAST_LEAF], eax
5:  xor ecx, ecx
    call report_row
    call report_subleaves
    inc ebp
    cmp ebp, [LAST_LEAF]
    jbe 5b
9:  ret

report_row:                             # ebp: leaf, ecx: subleaf
    mov [BODY], ebp
    mov [BODY + 4], ecx
    mov eax, ebp
    cpuid
    mov [ROW], eax
    mov [ROW + 4], ebx
    mov [ROW + 8], ecx
    mov [ROW + 12], edx
    mov al, 'L'
    mov cl, 24
    jmp emit

report_subleaves:                       # ebp: the leaf, of which subleaf 0 stands in ROW
    mov edi, RULES                      # edi: the rule
    mov ecx, [RULE_COUNT]
1:  cmp ebp, [edi]
    je 2f
    add edi, RULE_SIZE
    loop 1b
    ret
2:  push esi
    lea esi, [edi + RULE_GATE]
    call holds
    pop esi
    jz 9f
    mov ecx, [edi + RULE_REGISTER]
    mov eax, [ROW + ecx]
    xor edx, edx
    cmp byte ptr [edi + RULE_KIND], XSAVE
    jne 4f
    or eax, 2
    mov edx, [ROW + 12]
4:  mov [SUBLEAVES], eax
    mov [SUBLEAVES + 4], edx
    mov ecx, 1                          # ecx: the subleaf
5:  cmp byte ptr [edi + RULE_KIND], TERMINATED
    je 6f
    cmp byte ptr [edi + RULE_KIND], COUNTED
    je 7f
    bt [SUBLEAVES], ecx
    jnc 10f
    jmp 8f
6:  cmp ecx, [edi + RULE_FROM]
    jb 8f
    mov eax, [edi + RULE_REGISTER]
    mov eax, [ROW + eax]
    test eax, [edi + RULE_MASK]
    jz 9f
    jmp 8f
7:  cmp ecx, [SUBLEAVES]
    ja 9f
8:  push ecx
    call report_row
    pop ecx
    cmp byte ptr [edi + RULE_KIND], XSAVE
    jne 10f
    cmp ecx, 1
    jne 10f
    mov eax, [ROW + 8]
    or [SUBLEAVES], eax
    mov eax, [ROW + 12]
    or [SUBLEAVES + 4], eax
10: inc ecx
    cmp ecx, LAST_SUBLEAF
    jbe 5b
9:  ret

report_msrs:                            # esi: their indexes
    mov edi, [MSR_COUNT]
1:  mov ecx, [esi]
    add esi, 4
    mov [BODY], ecx
    GUARD 2f
    rdmsr
    mov [BODY + 4], eax
    mov [BODY + 8], edx
    mov al, 'M'
    mov cl, 12
    jmp 3f
2:  mov al, 'G'
    mov cl, 4
3:  call emit
    dec edi
    jnz 1b
    ret

switch_on:                              # esi: the switches
    mov edi, BODY
    xor eax, eax
    mov ecx, 5
    rep stosd
    mov eax, cr0
    bts eax, CR0_WP                     # CR4.CET needs it
    mov cr0, eax
    mov edi, [SWITCH_COUNT]
1:  call holds
    jz 2f
    add esi, SWITCH_ALSO
    call holds
    lea esi, [esi - SWITCH_ALSO]        # keeps the flags
    jz 2f
    GUARD 2f                            # also a CPU without CR4
    mov eax, cr4
    or eax, [esi + SWITCH_CR4]
    mov cr4, eax
    mov eax, [esi + SWITCH_CR4]         # only here: it was taken
    or [BODY], eax
2:  add esi, SWITCH_SIZE
    dec edi
    jnz 1b
    bt dword ptr [BODY], CR4_OSXSAVE
    jnc 9f
    xor eax, eax
    cpuid
    cmp eax, 0xd
    jb 9f
    mov eax, 0xd
    xor ecx, ecx
    cpuid
    mov ebx, eax
    xor ecx, ecx                        # XCR0
    GUARD 9f                            # XGETBV would read it, but not every KVM lets it pass
    xsetbv
    mov [BODY + 4], ebx
    mov [BODY + 8], edx
    mov eax, 0xd
    mov ecx, 1
    cpuid
    bt eax, XSAVES
    jnc 9f
    mov eax, ecx
    mov ecx, IA32_XSS
    GUARD 9f
    mov ebx, eax
    wrmsr
    mov [BODY + 12], ebx
    mov [BODY + 16], edx
9:  mov al, 'S'
    mov cl, 20
    jmp emit

holds:                                  # esi: a condition; the zero flag means no
    cmp dword ptr [esi + 12], 0
    je 2f
    mov eax, [esi]
    and eax, 0x80000000
    cpuid
    cmp eax, [esi]                      # a leaf above the maximum answers, but does not exist
    jb 1f
    mov eax, [esi]
    mov ecx, [esi + 4]
    cpuid
    mov [GATE], eax
    mov [GATE + 4], ebx
    mov [GATE + 8], ecx
    mov [GATE + 12], edx
    mov eax, [esi + 8]
    mov eax, [GATE + eax]
    test eax, [esi + 12]
    ret
1:  xor eax, eax
    ret
2:  test esp, esp
    ret

emit:                                   # al: tag, cl: length of the body
    push esi
    and dword ptr [ON_FAULT], 0         # what was guarded is over
    mov [RECORD], al
    mov [RECORD + 1], cl
    movzx ecx, cl
    add ecx, 2
    push ecx
    mov esi, offset RECORD
    xor edx, edx
1:  lodsb
    sub dl, al
    loop 1b
    mov [esi], dl
    pop ecx
    inc ecx
    mov esi, offset RECORD
    mov edx, CONSOLE_PORT
    rep outsb
    inc dword ptr [RECORDS]
    pop esi
    ret

    .code16
trampoline:                             # another CPU, in the copy
    ENTER_PROTECTED_MODE gdt_pointer-trampoline
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
trampoline_end:

start:                                  # the first CPU
    ENTER_PROTECTED_MODE gdt_pointer-begin+PAYLOAD-ROM

idt_pointer:
    .word VECTORS * 8 - 1
    .long IDT

long_mode:
    .long 0x80000001, 0, 12, 1 << LONG_MODE

    .balign 8, 0                       # without a fill each version of as has its own
gdt:                                    # flat segments, marked as accessed: nobody can do that in a ROM
    .quad 0
    .quad 0x00cf9b000000ffff            # code
    .quad 0x00cf93000000ffff            # data
gdt_end:

    .org PAYLOAD_SIZE - 16, 0xff
reset:
    jmp start
    .org PAYLOAD_SIZE, 0xff
