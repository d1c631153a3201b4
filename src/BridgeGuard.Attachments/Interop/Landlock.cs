using System.Runtime.InteropServices;

namespace BridgeGuard.Attachments.Interop;

/// <summary>Where the calling thread, and programs that it starts from now on, may change files (Landlock, Linux 5.13): nowhere else, whoever owns them.</summary>
/// <remarks>Reading stays as it was. As with <see cref="ThreadPrivileges"/>, a process is started small by a thread that has made itself small first.</remarks>
public static partial class Landlock
{
    // The numbers are the same on all architectures.
    private const nint CreateRuleset = 444;
    private const nint AddRule = 445;
    private const nint RestrictSelf = 446;
    private const nuint AskVersion = 1;
    private const int PathBeneath = 1;
    private const int OpenPath = 0x200000;

    // linux/landlock.h.
    private const ulong Execute = 1 << 0;
    private const ulong WriteFile = 1 << 1;
    private const ulong Remove = (1 << 4) | (1 << 5);
    private const ulong MakeDevice = (1 << 6) | (1 << 11);
    private const ulong MakeFolder = 1 << 7;
    private const ulong MakeFile = 1 << 8;
    private const ulong MakeSocket = 1 << 9;
    private const ulong MakeFifo = 1 << 10;
    private const ulong MakeSymbolicLink = 1 << 12;
    private const ulong MoveBetween = 1 << 13; // Since version 2.
    private const ulong Truncate = 1 << 14;    // Since version 3.
    private const ulong SignalOthers = 1 << 1; // A scope, since version 6.
    private const int VersionOfMove = 2;
    private const int VersionOfTruncate = 3;
    private const int VersionOfNetwork = 4;
    private const int VersionOfScopes = 6;

    private const ulong Changes = WriteFile | Remove | MakeFolder | MakeFile | MakeSocket | Truncate;
    private const ulong OfFiles = Execute | WriteFile | Truncate;

    [StructLayout(LayoutKind.Sequential)]
    private struct Ruleset
    {
        public ulong Files;
        public ulong Network;
        public ulong Scopes;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct Beneath
    {
        public ulong Allowed;
        public int Folder;
    }

    /// <summary>What this kernel knows of it: a number from 1 up; else there is none.</summary>
    public static int Version => (int)Call(CreateRuleset, 0, 0, AskVersion, 0);

    /// <summary>Restricts the thread; it must not be able to gain privileges by programs (<c>no_new_privs</c>).</summary>
    /// <param name="writable">Folders below which files may be changed, and single files (devices). What is not there is left out.</param>
    /// <param name="programs">What may be executed.</param>
    /// <returns>Null, or what is not in force.</returns>
    public static string? Restrict(IEnumerable<string> writable, IEnumerable<string> programs)
    {
        int version = Version;
        if (version < 1)
        {
            return $"it may change every file of the superuser: this kernel has no Landlock ({Libc.LastMessage()})";
        }

        Ruleset wanted = new()
        {
            Files = Execute | WriteFile | Remove | MakeDevice | MakeFolder | MakeFile | MakeSocket | MakeFifo | MakeSymbolicLink
                | (version >= VersionOfMove ? MoveBetween : 0) | (version >= VersionOfTruncate ? Truncate : 0),
            Scopes = version >= VersionOfScopes ? SignalOthers : 0,
        };
        int size = version >= VersionOfScopes ? 24 : version >= VersionOfNetwork ? 16 : 8;
        using FileDescriptor rules = new((int)Create(CreateRuleset, ref wanted, size, 0));
        if (rules.IsInvalid)
        {
            return $"Landlock: {Libc.LastMessage()}";
        }

        foreach ((string path, ulong allowed) in writable.Select(path => (path, Changes & wanted.Files)).Concat(programs.Select(path => (path, Execute))))
        {
            if (!TryAllow(rules.Value, path, allowed))
            {
                return $"Landlock: {path}: {Libc.LastMessage()}";
            }
        }

        return Call(RestrictSelf, rules.Value, 0, 0, 0) == 0 ? null : $"Landlock: {Libc.LastMessage()}";
    }

    private static bool TryAllow(int rules, string path, ulong allowed)
    {
        using FileDescriptor place = new(Libc.Open(path, OpenPath | Libc.OpenCloseOnExec));
        if (place.IsInvalid)
        {
            return true;
        }

        Beneath rule = new() { Allowed = Directory.Exists(path) ? allowed : allowed & OfFiles, Folder = place.Value };
        return Add(AddRule, rules, PathBeneath, ref rule, 0) == 0;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, nint a, nint b, nuint c, nint d);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Create(nint number, ref Ruleset rules, nint size, nint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Add(nint number, nint rules, nint kind, ref Beneath rule, nint flags);
}
