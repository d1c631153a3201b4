using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>The multi-queue TAP through which undecided frames come to the daemon and go back. It vanishes with its last descriptor.</summary>
internal sealed class PuntDevice : IDisposable
{
    /// <summary>struct virtio_net_hdr with num_buffers.</summary>
    public const int VnetHeaderBytes = 12;

    private const string ControlPath = "/dev/net/tun";
    private const int InterfaceRequestBytes = 40;
    private const int NameBytes = 16;
    private const nuint SetInterface = 0x400454CA;
    private const nuint SetVnetHeaderSize = 0x400454D8;
    private const nuint SetOffload = 0x400454D0;
    private const nuint SetSteeringBpf = 0x800454E0;
    private const ushort FlagTap = 2;
    private const ushort FlagNoPacketInfo = 0x1000;
    private const ushort FlagVnetHeader = 0x4000;
    private const ushort FlagMultiQueue = 0x100;
    private const ushort FlagExclusive = 0x8000;
    private const nint OffloadAll = 0x7F;
    private const nint OffloadWithoutUso = 0x0F;
    private const nuint GetFlags = 0x8913;
    private const nuint SetFlags = 0x8914;
    private const nuint SetMtu = 0x8922;
    private const nuint GetIndex = 0x8933;
    private const nuint SetQueueLength = 0x8943;
    private const short FlagUp = 1;
    private const short FlagNoArp = 0x80;
    private const int FamilyInet = 2;
    private const int SocketDatagram = 2 | 0x80000;

    // Larger than any jumbo frame and its tags, below the driver's limit of 65,535 minus its header.
    private const int MtuBytes = 65_500;

    private readonly string _name;
    private readonly List<FileDescriptor> _queues = [];

    private PuntDevice(string name) => _name = name;

    public int IfIndex { get; private set; }

    public int QueueCount => _queues.Count;

    public int QueueFd(int queue) => _queues[queue].Value;

    /// <summary>Makes the device with its queues, down. Null on success.</summary>
    public static AttachmentError? TryCreate(string name, int queues, int queueLength, out PuntDevice? device)
    {
        device = null;
        if (name.Length is 0 or >= NameBytes || name.Any(c => c <= ' ' || c == '/' || c > '~'))
        {
            return new AttachmentError(AttachmentErrorKind.BadArgument, $"punt device name \"{name}\": 1 to 15 printable characters are allowed");
        }

        PuntDevice created = new(name);
        AttachmentError? error = created.OpenQueues(queues) ?? created.SetUp(queueLength);
        if (error is not null)
        {
            created.Dispose();
            return error;
        }

        device = created;
        return null;
    }

    /// <summary>Lets the port program's choice of queue decide.</summary>
    public AttachmentError? SetSteering(int programFd)
    {
        int argument = programFd;
        return Libc.IoctlInt(_queues[0].Value, SetSteeringBpf, ref argument) == 0 ? null : Failed("steering program");
    }

    /// <summary>Brings the device up; frames can flow.</summary>
    public AttachmentError? BringUp()
    {
        Span<byte> request = stackalloc byte[InterfaceRequestBytes];
        return Configure(request, GetFlags, "read flags") ?? SetUpFlags(request);
    }

    public void Dispose() => _queues.ForEach(queue => queue.Dispose());

    private AttachmentError? SetUpFlags(Span<byte> request)
    {
        short flags = BinaryPrimitives.ReadInt16LittleEndian(request[NameBytes..]);
        BinaryPrimitives.WriteInt16LittleEndian(request[NameBytes..], (short)(flags | FlagUp | FlagNoArp));
        return Configure(request, SetFlags, "bring up");
    }

    private AttachmentError? OpenQueues(int count)
    {
        AttachmentError? error = null;
        for (int i = 0; i < count && error is null; i++)
        {
            error = OpenQueue(isFirst: i == 0);
        }

        return error;
    }

    private AttachmentError? OpenQueue(bool isFirst)
    {
        Span<byte> request = stackalloc byte[InterfaceRequestBytes];
        int fd = Libc.Open(ControlPath, Libc.OpenReadWrite | Libc.OpenNonBlocking | Libc.OpenCloseOnExec);
        if (fd < 0)
        {
            return OpenFailed(Libc.LastError());
        }

        _queues.Add(new FileDescriptor(fd));

        // The first queue must make the device: joining one that exists would steal another daemon's frames.
        ushort flags = FlagTap | FlagNoPacketInfo | FlagVnetHeader | FlagMultiQueue;
        PutName(request);
        BinaryPrimitives.WriteUInt16LittleEndian(request[NameBytes..], isFirst ? (ushort)(flags | FlagExclusive) : flags);
        if (Libc.Ioctl(fd, SetInterface, ref MemoryMarshal.GetReference(request)) != 0)
        {
            return CreateFailed(Libc.LastError());
        }

        int headerBytes = VnetHeaderBytes;
        if (Libc.IoctlInt(fd, SetVnetHeaderSize, ref headerBytes) != 0)
        {
            return Failed("set the header size");
        }

        return Libc.IoctlValue(fd, SetOffload, OffloadAll) != 0 && Libc.IoctlValue(fd, SetOffload, OffloadWithoutUso) != 0 ? Failed("set offloads") : null;
    }

    private AttachmentError? SetUp(int queueLength)
    {
        Span<byte> request = stackalloc byte[InterfaceRequestBytes];
        AttachmentError? error = Configure(request, GetIndex, "find");
        if (error is not null)
        {
            return error;
        }

        IfIndex = BinaryPrimitives.ReadInt32LittleEndian(request[NameBytes..]);
        BinaryPrimitives.WriteInt32LittleEndian(request[NameBytes..], MtuBytes);
        error = Configure(request, SetMtu, "set the MTU");
        BinaryPrimitives.WriteInt32LittleEndian(request[NameBytes..], queueLength);
        error ??= Configure(request, SetQueueLength, "set the queue length");
        DisableIpv6();
        return error ?? RouteNetlink.SetNoQueue(IfIndex, _name);
    }

    private void DisableIpv6()
    {
        try
        {
            File.WriteAllText($"/proc/sys/net/ipv6/conf/{_name}/disable_ipv6", "1");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A kernel without IPv6, or a read-only /proc/sys: what the host's stack then sends here carries no tag of ours and is counted and left.
        }
    }

    private AttachmentError? Configure(Span<byte> request, nuint command, string what)
    {
        PutName(request);
        using FileDescriptor socket = new(Libc.Socket(FamilyInet, SocketDatagram, 0));
        return !socket.IsInvalid && Libc.Ioctl(socket.Value, command, ref MemoryMarshal.GetReference(request)) == 0 ? null : Failed(what);
    }

    private void PutName(Span<byte> request)
    {
        request[..NameBytes].Clear();
        Encoding.ASCII.GetBytes(_name, request);
    }

    private AttachmentError Failed(string what) => new(AttachmentErrorKind.Failed, $"punt device {_name}: cannot {what}: {Libc.LastMessage()}");

    private static AttachmentError OpenFailed(int error) => error switch
    {
        Libc.ErrorNoEntry or Libc.ErrorNoDevice =>
            new AttachmentError(AttachmentErrorKind.Unsupported, $"{ControlPath} is missing: load the kernel module tun"),
        Libc.ErrorAccess or Libc.ErrorPermission => new AttachmentError(AttachmentErrorKind.Permission, $"{ControlPath}: no permission to open it"),
        _ => new AttachmentError(AttachmentErrorKind.Failed, $"{ControlPath}: {Libc.LastMessage()}"),
    };

    private AttachmentError CreateFailed(int error) => error switch
    {
        Libc.ErrorPermission => new AttachmentError(AttachmentErrorKind.Permission, $"punt device {_name}: CAP_NET_ADMIN is missing (run as root)"),
        Libc.ErrorBusy or Libc.ErrorExists =>
            new AttachmentError(AttachmentErrorKind.Failed, $"punt device {_name} exists already: is another bridgeguard running?"),
        _ => Failed("create"),
    };
}
