using System.Net.Sockets;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>The contract on a real bridge: A sends the frames, what B (or A itself) receives is what left the attachment.</summary>
public sealed class BridgeContractTests : AttachmentContractTests, IDisposable
{
    private readonly List<BridgeLab> _labs = [];

    /// <summary>br0 is the first port of the table, A's is the second.</summary>
    private protected override ushort InjectPort => 2;

    public void Dispose() => _labs.ForEach(lab => lab.Dispose());

    private protected override IAttachment Create(IReadOnlyList<byte[]> frames, ScratchFolder scratch)
    {
        BridgeLab lab = new(withIp: false);
        _labs.Add(lab);
        return new OnTheWire(lab, frames);
    }

    /// <summary>Runs a bridge attachment in the lab until the frames have been judged, with the guests' sockets as source and sink.</summary>
    private sealed class OnTheWire(BridgeLab lab, IReadOnlyList<byte[]> frames) : IAttachment
    {
        private const int SettleMs = 200;

        private readonly BridgeAttachment _inner = new(RunningBridge.Options() with { WorkerCount = 1 });

        public string Name => _inner.Name;

        public int WorkerCount => _inner.WorkerCount;

        public AttachmentStats Stats => _inner.Stats;

        public AttachmentError? Open() => BridgeLab.In(lab.Host, _inner.Open);

        public AttachmentError? Run(Func<int, IFrameProcessor> processorOf, AttachmentHooks hooks, CancellationToken stop)
        {
            using Socket a = BridgeLab.In(lab.A, () => RawSockets.Open("eth0"));
            using Socket b = BridgeLab.In(lab.B, () => RawSockets.Open("eth0"));
            using CancellationTokenSource done = CancellationTokenSource.CreateLinkedTokenSource(stop);
            Thread? sending = null;
            void Ready()
            {
                hooks.Ready?.Invoke();
                sending = new Thread(() => SendAll(a, stop, done));
                sending.Start();
            }

            AttachmentError? error = BridgeLab.In(lab.Host, () => _inner.Run(processorOf, hooks with { Ready = Ready }, done.Token));
            sending?.Join();
            Collect(b, hooks.Sink, DeliveryKind.Forwarded, 0);
            Collect(a, hooks.Sink, DeliveryKind.InjectedToPort, 2);
            return error;
        }

        public void Dispose() => _inner.Dispose();

        private void SendAll(Socket a, CancellationToken stop, CancellationTokenSource done)
        {
            for (int i = 0; i < frames.Count && !stop.IsCancellationRequested; i++)
            {
                a.Send(frames[i]);
                int sent = i + 1;
                BridgeLab.Until(() => _inner.Stats.Frames >= sent || stop.IsCancellationRequested);
            }

            Thread.Sleep(SettleMs);
            done.Cancel();
        }

        private static void Collect(Socket socket, IFrameSink? sink, DeliveryKind kind, ushort port)
        {
            byte[] buffer = new byte[4096];
            while (socket.Poll(0, SelectMode.SelectRead))
            {
                SocketFlags flags = SocketFlags.None;
                int length = socket.Receive(buffer, flags);
                sink?.Deliver(buffer.AsSpan(0, length), new FrameInfo { PortId = port }, kind);
            }
        }
    }
}
