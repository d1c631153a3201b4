using BridgeGuard.Attachments.Interop;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;
using SharpPcap;
using SharpPcap.LibPcap;

namespace BridgeGuard.Attachments.Tap;

/// <summary>Listens on devices that see a copy of the traffic. Passive: verdicts are counted and have no effect, nothing is ever sent.</summary>
/// <remarks>One thread for each device; nothing is allocated per frame. Works in the network namespace of the thread that calls it.</remarks>
public sealed class TapAttachment(TapOptions options) : IAttachment
{
    // Longest time until a stop or a tick is noticed on a silent device.
    private const int WaitMs = 100;

    // A frame waits at most this long in its kernel block. Immediate mode would not wait, but has slots of the largest size: few, for the same memory.
    private const int BlockMs = 10;

    private readonly List<LibPcapLiveDevice> _devices = [];
    private readonly List<VerdictDelivery> _deliveries = [];
    private AttachmentError? _error;

    public string Name => "tap";

    public int WorkerCount => options.Devices.Count;

    public AttachmentStats Stats => _deliveries.Aggregate(default(AttachmentStats), (sum, delivery) => sum + delivery.Snapshot());

    /// <summary>Frames that the kernel dropped because nobody took them in time.</summary>
    public long DroppedByKernel => _devices.Sum(device => device.Opened ? device.Statistics?.DroppedPackets ?? 0 : 0);

    public AttachmentError? Open()
    {
        try
        {
            LibPcapLiveDeviceList all = LibPcapLiveDeviceList.New();
            foreach (string name in options.Devices)
            {
                LibPcapLiveDevice? device = all.FirstOrDefault(device => device.Name == name);
                if (device is null)
                {
                    return new AttachmentError(AttachmentErrorKind.NotFound, $"device {name} does not exist or may not be captured on");
                }

                AttachmentError? error = OpenDevice(device);
                if (error is not null)
                {
                    return error;
                }
            }

            return null;
        }
        catch (DllNotFoundException)
        {
            return new AttachmentError(AttachmentErrorKind.Unsupported, "libpcap is not installed (Debian package libpcap0.8)");
        }
    }

    public AttachmentError? Run(Func<int, IFrameProcessor> processorOf, AttachmentHooks hooks, CancellationToken stop)
    {
        List<Thread> threads = [];
        using CancellationTokenSource all = CancellationTokenSource.CreateLinkedTokenSource(stop);
        for (int i = 0; i < _devices.Count; i++)
        {
            int index = i;
            IFrameProcessor processor = processorOf(i);
            _deliveries.Add(new VerdictDelivery(hooks.Sink, isPassive: true));
            threads.Add(new Thread(() => Listen(index, processor, all)) { IsBackground = true, Name = $"bg-tap-{_devices[i].Name}" });
        }

        hooks.Ready?.Invoke();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        return _error;
    }

    public void Dispose() => _devices.ForEach(device => device.Dispose());

    private AttachmentError? OpenDevice(LibPcapLiveDevice device)
    {
        try
        {
            device.Open(new DeviceConfiguration
            {
                Mode = options.Promiscuous ? DeviceModes.Promiscuous : DeviceModes.None,
                ReadTimeout = BlockMs,
                Snaplen = PcapRecord.MaxFrameBytes,
                BufferSize = options.KernelBufferBytes,
            });
            _devices.Add(device);

            // In blocking mode libpcap's read timeout need not end the wait on a silent device (pcap(3pcap)); so we wait ourselves.
            device.NonBlockingMode = true;
            if (!string.IsNullOrWhiteSpace(options.Filter))
            {
                device.Filter = options.Filter;
            }
        }
        catch (Exception error) when (error is PcapException or PlatformNotSupportedException)
        {
            string detail = error.Message.ReplaceLineEndings(" ");
            AttachmentErrorKind kind = detail.Contains("ermi", StringComparison.Ordinal) ? AttachmentErrorKind.Permission
                : _devices.Contains(device) ? AttachmentErrorKind.BadArgument : AttachmentErrorKind.Failed;
            return new AttachmentError(kind, $"device {device.Name}: {detail}");
        }

        return Enum.IsDefined((LinkType)(ushort)device.LinkType)
            ? null
            : new AttachmentError(AttachmentErrorKind.Unsupported, $"device {device.Name}: link type {(int)device.LinkType} is not supported");
    }

    private void Listen(int index, IFrameProcessor processor, CancellationTokenSource stop)
    {
        LibPcapLiveDevice device = _devices[index];
        VerdictDelivery delivery = _deliveries[index];
        LinkType linkType = (LinkType)(ushort)device.LinkType;
        byte[] buffer = new byte[PcapRecord.HeadroomBytes + PcapRecord.MaxFrameBytes];
        Libc.PollFd poll = new() { Fd = Libpcap.SelectableFd(device.Handle.DangerousGetHandle()), Events = Libc.PollIn };
        long lastTickMs = 0;
        nint header = 0;
        nint data = 0;
        while (!stop.IsCancellationRequested)
        {
            int status = device.GetNextPacketPointers(ref header, ref data);
            if (status == PcapRecord.StatusFrame)
            {
                int length = PcapRecord.Read(header, data, buffer, linkType, 0, (ushort)(options.FirstPort + index), options.Checksums, out FrameInfo info);
                info = info with { IsPassive = true };
                Verdict verdict = processor.Process(buffer, PcapRecord.HeadroomBytes, length, in info);
                delivery.CarryOut(buffer, PcapRecord.HeadroomBytes, length, in info, in verdict, processor.Injector);
            }
            else if (status == PcapRecord.StatusTimeout)
            {
                Libc.Poll(ref poll, 1, WaitMs);
            }
            else
            {
                _error = new AttachmentError(AttachmentErrorKind.Failed, $"device {device.Name}: {device.LastError.ReplaceLineEndings(" ")}");
                stop.Cancel();
                return;
            }

            long now = Environment.TickCount64;
            if (now - lastTickMs >= WaitMs)
            {
                lastTickMs = now;
                processor.Tick((DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond);
                processor.Injector.Clear();
            }
        }
    }
}
