using System.Runtime.InteropServices;

namespace BridgeGuard.Scanning.Interop;

/// <summary>Takes rights away from this process for good: no new privileges, and a filter on system calls (seccomp(2)).</summary>
internal static partial class Confinement
{
    private const int SetNoNewPrivileges = 38;
    private const int SetDumpable = 4;
    private const nint SeccompCall = 317; // x86-64
    private const uint SetModeFilter = 1;
    private const uint AllThreads = 1;
    private const uint ArchitectureX64 = 0xC000003E;

    /// <summary>Calls of the x32 ABI carry this bit: the same calls by other numbers.</summary>
    private const uint X32Bit = 0x40000000;
    private const ushort Load = 0x20;
    private const ushort JumpIfEqual = 0x15;
    private const ushort JumpIfAtLeast = 0x35;
    private const ushort Return = 0x06;
    private const uint Allowed = 0x7fff0000;
    private const uint Refused = 0x00050000 | 1; // EPERM
    private const uint NumberAt = 0;
    private const uint ArchitectureAt = 4;
    private const uint FirstArgumentAt = 16;
    private const uint SocketCall = 41;
    private const uint UnixFamily = 1;

    /// <summary>ptrace, mount, umount2, reboot, init_module, delete_module, unshare, process_vm_readv/writev, setns, finit_module, kexec_load,
    /// kexec_file_load, bpf, perf_event_open, add_key, request_key, keyctl, userfaultfd, open_by_handle_at, pidfd_getfd, io_uring_setup.</summary>
    private static readonly uint[] RefusedCalls =
        [101, 165, 166, 169, 175, 176, 272, 310, 311, 308, 313, 246, 320, 321, 298, 248, 249, 250, 323, 304, 438, 425];

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

    /// <summary>Null when all is in force, else what is not.</summary>
    /// <param name="withNetwork">Sockets of every family stay allowed.</param>
    public static string? Apply(bool withNetwork)
    {
        if (!OperatingSystem.IsLinux())
        {
            return "there is no confinement on this system";
        }

        _ = Prctl(SetDumpable, 0, 0, 0, 0);
        if (Prctl(SetNoNewPrivileges, 1, 0, 0, 0) != 0)
        {
            return $"no_new_privs cannot be set (error {Marshal.GetLastPInvokeError()})";
        }

        return RuntimeInformation.ProcessArchitecture == Architecture.X64 ? Install(Build(withNetwork)) : "the filter on system calls is for x86-64 only";
    }

    private static Instruction[] Build(bool withNetwork)
    {
        var filter = new List<Instruction>
        {
            Make(Load, 0, 0, ArchitectureAt),
            Make(JumpIfEqual, 1, 0, ArchitectureX64),
            Make(Return, 0, 0, Refused), // Another architecture's calls have other numbers.
            Make(Load, 0, 0, NumberAt),
            Make(JumpIfAtLeast, 0, 1, X32Bit),
            Make(Return, 0, 0, Refused),
        };
        foreach (uint call in RefusedCalls)
        {
            filter.Add(Make(JumpIfEqual, 0, 1, call));
            filter.Add(Make(Return, 0, 0, Refused));
        }

        if (withNetwork)
        {
            filter.Add(Make(Return, 0, 0, Allowed));
            return [.. filter];
        }

        filter.Add(Make(JumpIfEqual, 1, 0, SocketCall));
        filter.Add(Make(Return, 0, 0, Allowed));
        filter.Add(Make(Load, 0, 0, FirstArgumentAt));
        filter.Add(Make(JumpIfEqual, 1, 0, UnixFamily));
        filter.Add(Make(Return, 0, 0, Refused));
        filter.Add(Make(Return, 0, 0, Allowed));
        return [.. filter];
    }

    private static Instruction Make(ushort code, byte whenTrue, byte whenFalse, uint value) =>
        new() { Code = code, WhenTrue = whenTrue, WhenFalse = whenFalse, Value = value };

    private static string? Install(Instruction[] filter)
    {
        GCHandle pinned = GCHandle.Alloc(filter, GCHandleType.Pinned);
        try
        {
            var program = new Filter { Length = (ushort)filter.Length, Instructions = pinned.AddrOfPinnedObject() };
            nint result = Seccomp(SeccompCall, SetModeFilter, AllThreads, ref program);
            return result == 0 ? null : $"the filter on system calls was refused ({(result < 0 ? Marshal.GetLastPInvokeError() : result)})";
        }
        finally
        {
            pinned.Free();
        }
    }

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Prctl(int option, nuint a, nuint b, nuint c, nuint d);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Seccomp(nint number, uint operation, uint flags, ref Filter program);
}
