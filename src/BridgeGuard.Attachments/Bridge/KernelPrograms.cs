using System.Text;
using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>The loaded eBPF programs and their maps.</summary>
/// <remarks>Owner: one attachment. Closing it lets the kernel free everything that no pinned link still uses.</remarks>
internal sealed class KernelPrograms : IDisposable
{
    private const string SectionPort = "tcx/port";
    private const string SectionPunt = "tcx/punt";
    private const string SectionGate = "tcx/gate";
    private const string SectionSteer = "socket/steer";
    private const int VerifierLogBytes = 1 << 20;

    private readonly Dictionary<string, FileDescriptor> _maps = [];
    private readonly Dictionary<string, FileDescriptor> _programs = [];

    private KernelPrograms()
    {
    }

    public SharedState State { get; private set; } = null!;

    public int PortProgram => _programs[SectionPort].Value;

    public int GateProgram => _programs[SectionGate].Value;

    public int PuntProgram => _programs[SectionPunt].Value;

    public int SteerProgram => _programs[SectionSteer].Value;

    /// <summary>Says that the device is there; the kernel takes it back when it goes.</summary>
    public bool SetAlive(int puntIfIndex)
    {
        uint key = 0;
        return Bpf.Update(_maps["bg_alive"].Value, in key, in puntIfIndex) == 0;
    }

    public int Ports => _maps["bg_ports"].Value;

    public int Targets => _maps["bg_targets"].Value;

    public int Counters => _maps["bg_counters"].Value;

    public int PassedFlows => _maps["bg_pass"].Value;

    public int DroppedFlows => _maps["bg_drop"].Value;

    public int BlockedMacs => _maps["bg_macs"].Value;

    public int BlockedIps => _maps["bg_ips"].Value;

    public int Acts => _maps["bg_acts"].Value;

    public int Remedies => _maps["bg_remedies"].Value;

    public int Bindings => _maps["bg_bindings"].Value;

    public int Limits => _maps["bg_limits"].Value;

    /// <summary>Creates the maps and loads the programs; nothing is attached. Null on success.</summary>
    public static AttachmentError? TryLoad(int decidedFlows, out KernelPrograms? programs)
    {
        programs = null;
        KernelPrograms loading = new();
        AttachmentError? error = loading.Load(BpfObject.Embedded(), (uint)decidedFlows);
        if (error is not null)
        {
            loading.Dispose();
            return error;
        }

        programs = loading;
        return null;
    }

    public void Dispose()
    {
        State?.Dispose();
        foreach (FileDescriptor fd in _programs.Values.Concat(_maps.Values))
        {
            fd.Dispose();
        }
    }

    private AttachmentError? Load(BpfObject file, uint decidedFlows)
    {
        foreach (BpfMapDefinition map in file.Maps)
        {
            uint entries = map.Name is "bg_pass" or "bg_drop" or "bg_acts" ? decidedFlows : map.MaxEntries;
            int fd = Bpf.CreateMap(map.Name, map.Type, map.KeySize, map.ValueSize, entries, map.Flags);
            if (fd < 0)
            {
                return Failed($"eBPF map {map.Name}");
            }

            _maps[map.Name] = new FileDescriptor(fd);
        }

        Dictionary<string, int> fds = _maps.ToDictionary(map => map.Key, map => map.Value.Value);
        foreach (BpfProgram program in file.Programs)
        {
            AttachmentError? error = LoadProgram(program, file.License, BpfObject.Link(program, fds));
            if (error is not null)
            {
                return error;
            }
        }

        SharedMemory? shared = SharedMemory.TryMap(_maps["bg_state"].Value, KernelLayout.StateBytes);
        if (shared is null)
        {
            return Failed("eBPF state map");
        }

        State = new SharedState(shared);
        return null;
    }

    private AttachmentError? LoadProgram(BpfProgram program, string license, byte[] code)
    {
        int type = program.Section == SectionSteer ? Bpf.ProgramSocketFilter : Bpf.ProgramSchedCls;
        string name = "bg_" + program.Section[(program.Section.IndexOf('/') + 1)..];
        int fd = Bpf.LoadProgram(name, type, code, license, []);
        if (fd >= 0)
        {
            _programs[program.Section] = new FileDescriptor(fd);
            return null;
        }

        AttachmentError error = Failed($"eBPF program {name}");
        if (error.Kind == AttachmentErrorKind.Permission)
        {
            return error;
        }

        byte[] log = new byte[VerifierLogBytes];
        Bpf.LoadProgram(name, type, code, license, log);
        string[] lines = Encoding.ASCII.GetString(log).TrimEnd('\0').Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return error with { Message = $"{error.Message}: {string.Join(" | ", lines.TakeLast(3))}" };
    }

    private static AttachmentError Failed(string what) => Libc.LastError() switch
    {
        Libc.ErrorPermission or Libc.ErrorAccess =>
            new AttachmentError(AttachmentErrorKind.Permission, $"{what}: CAP_BPF and CAP_NET_ADMIN are missing (run as root)"),
        38 => new AttachmentError(AttachmentErrorKind.Unsupported, $"{what}: this kernel has no bpf() system call"),
        _ => new AttachmentError(AttachmentErrorKind.Failed, $"{what}: {Libc.LastMessage()}"),
    };
}
