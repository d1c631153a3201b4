using System.Runtime.InteropServices;

namespace BridgeGuard.Attachments.Interop;

/// <summary>System calls that this process never makes are refused from now on (seccomp(2)): whoever takes it over by a frame cannot make them either.</summary>
/// <remarks>A list of refusals, as .NET's own needs change with its versions. For good, for every thread and all that they start.</remarks>
public static partial class SystemCallFilter
{
    private const nint SeccompCall = 317; // x86-64
    private const uint SetModeFilter = 1;
    private const uint AllThreads = 1;
    private const uint ArchitectureX64 = 0xC000003E;

    /// <summary>Calls of the x32 ABI carry this bit: the same calls by other numbers.</summary>
    private const uint X32Bit = 0x40000000;

    // linux/bpf_common.h, as one instruction each.
    private const ushort Load = 0x20;
    private const ushort JumpIfEqual = 0x15;
    private const ushort JumpIfAtLeast = 0x35;
    private const ushort Return = 0x06;

    // linux/seccomp.h and errno.h.
    private const uint Allowed = 0x7fff0000;
    private const uint NotPermitted = 0x00050000 | 1;
    private const uint NoSuchFamily = 0x00050000 | 97;
    private const uint NumberAt = 0;
    private const uint ArchitectureAt = 4;
    private const uint FirstArgumentAt = 16;
    private const uint SocketCall = 41;

    /// <summary>Programs are started by the daemon, never from here.</summary>
    private static readonly uint[] s_programs = [59 /* execve */, 322 /* execveat */];

    private static readonly uint[] s_refused =
    [
        101 /* ptrace */, 310 /* process_vm_readv */, 311 /* process_vm_writev */, 312 /* kcmp */, 438 /* pidfd_getfd */, 440 /* process_madvise */,
        165 /* mount */, 166 /* umount2 */, 155 /* pivot_root */, 161 /* chroot */, 428 /* open_tree */, 429 /* move_mount */, 430 /* fsopen */,
        431 /* fsconfig */, 432 /* fsmount */, 433 /* fspick */, 442 /* mount_setattr */, 304 /* open_by_handle_at */, 303 /* name_to_handle_at */,
        272 /* unshare */, 308 /* setns */, 175 /* init_module */, 313 /* finit_module */, 176 /* delete_module */, 246 /* kexec_load */, 320 /* kexec_file_load */,
        169 /* reboot */, 167 /* swapon */, 168 /* swapoff */, 163 /* acct */, 164 /* settimeofday */, 227 /* clock_settime */, 159 /* adjtimex */, 305 /* clock_adjtime */,
        170 /* sethostname */, 171 /* setdomainname */, 172 /* iopl */, 173 /* ioperm */, 103 /* syslog */, 153 /* vhangup */, 179 /* quotactl */, 443 /* quotactl_fd */,
        133 /* mknod */, 259 /* mknodat */, 88 /* symlink */, 266 /* symlinkat */, 298 /* perf_event_open */, 323 /* userfaultfd */,
        425 /* io_uring_setup */, 426 /* io_uring_enter */, 427 /* io_uring_register */, 248 /* add_key */, 249 /* request_key */, 250 /* keyctl */,
        135 /* personality */, 300 /* fanotify_init */, 301 /* fanotify_mark */, 154 /* modify_ldt */, 256 /* migrate_pages */, 279 /* move_pages */,
    ];

    /// <summary>Unix, IPv4 and IPv6 (questions about devices), netlink, packet.</summary>
    private static readonly uint[] s_families = [1, 2, 10, 16, 17];

    [StructLayout(LayoutKind.Sequential)]
    private struct Instruction
    {
        public ushort Code;
        public byte WhenTrue;
        public byte WhenFalse;
        public uint Value;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Filter
    {
        public ushort Length;
        public nint Instructions;
    }

    /// <summary>Null when it is in force, else why not.</summary>
    /// <param name="startsPrograms">Other programs may be started (netfilter's tools).</param>
    public static unsafe string? Apply(bool startsPrograms)
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return "the filter on system calls is for x86-64 only";
        }

        Instruction[] filter = Build(startsPrograms ? s_refused : [.. s_programs, .. s_refused]);
        fixed (Instruction* first = filter)
        {
            Filter program = new() { Length = (ushort)filter.Length, Instructions = (nint)first };
            nint result = Seccomp(SeccompCall, SetModeFilter, AllThreads, ref program);
            return result == 0 ? null : $"the filter on system calls was refused: {(result < 0 ? Libc.LastMessage() : $"thread {result} has one of its own")}";
        }
    }

    private static Instruction[] Build(uint[] refused)
    {
        List<Instruction> filter =
        [
            Make(Load, ArchitectureAt),
            Make(JumpIfEqual, ArchitectureX64, whenTrue: 1),
            Make(Return, NotPermitted),
            Make(Load, NumberAt),
            Make(JumpIfAtLeast, X32Bit, whenFalse: 1),
            Make(Return, NotPermitted),
        ];
        foreach (uint call in refused)
        {
            filter.Add(Make(JumpIfEqual, call, whenFalse: 1));
            filter.Add(Make(Return, NotPermitted));
        }

        filter.Add(Make(JumpIfEqual, SocketCall, whenTrue: 1));
        filter.Add(Make(Return, Allowed));
        filter.Add(Make(Load, FirstArgumentAt));
        foreach (uint family in s_families)
        {
            filter.Add(Make(JumpIfEqual, family, whenFalse: 1));
            filter.Add(Make(Return, Allowed));
        }

        // What libpcap takes for "there are no such devices here", where it looks for Bluetooth and the like.
        filter.Add(Make(Return, NoSuchFamily));
        return [.. filter];
    }

    private static Instruction Make(ushort code, uint value, byte whenTrue = 0, byte whenFalse = 0) =>
        new() { Code = code, WhenTrue = whenTrue, WhenFalse = whenFalse, Value = value };

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Seccomp(nint number, uint operation, uint flags, ref Filter program);
}
