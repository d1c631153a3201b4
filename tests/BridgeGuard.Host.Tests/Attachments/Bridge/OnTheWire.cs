using System.Net.Sockets;
using BridgeGuard.Attachments;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>Runs an attachment in the lab until the frames have been judged, with the guests' sockets as source and sink.</summary>
internal sealed class OnTheWire(BridgeLab lab, IReadOnlyList<byte[]> frames, IAttachment inner, ushort portOfA) : IAttachment
{
    private const int SettleMs = 200;

    public string Name => inner.Name;

    public int WorkerCount => inner.WorkerCount;

    public AttachmentStats Stats => inner.Stats;

    public AttachmentError? Open() => BridgeLab.In(lab.Host, inner.Open);

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

        AttachmentError? error = BridgeLab.In(lab.Host, () => inner.Run(processorOf, hooks with { Ready = Ready, Sink = null }, done.Token));
        sending?.Join();
        Collect(b, hooks.Sink, DeliveryKind.Forwarded, 0);
        Collect(a, hooks.Sink, DeliveryKind.InjectedToPort, portOfA);
        return error;
    }

    public void Dispose() => inner.Dispose();

    private void SendAll(Socket a, CancellationToken stop, CancellationTokenSource done)
    {
        for (int i = 0; i < frames.Count && !stop.IsCancellationRequested; i++)
        {
            a.Send(frames[i]);
            int sent = i + 1;
            BridgeLab.Until(() => inner.Stats.Frames >= sent || stop.IsCancellationRequested);
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
