using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>Follows the ports of the named bridges through rtnetlink and has them attached and detached.</summary>
/// <remarks>
/// A port is attached at the first message that names its bridge. Managers enslave a TAP or veth before its guest runs, so that is before its first
/// frame; a device that already carries traffic when it is enslaved forwards for the time the message needs. Thread: one.
/// </remarks>
internal sealed class PortWatcher(IReadOnlyList<string> bridgeNames, PortAttacher attacher, PortTable table) : IDisposable
{
    private const int DatagramBytes = 1 << 16;

    /// <summary>A list of a thousand devices takes a few milliseconds: where so many in a row are disturbed, many are being plugged in.</summary>
    private const int MaxSnapshots = 3;

    private readonly byte[] _buffer = new byte[DatagramBytes];
    private readonly List<LinkRecord> _links = [];
    private readonly Dictionary<int, string> _bridges = [];
    private NetlinkSocket? _socket;
    private bool _isBehind;

    /// <summary>Hears what does not end the run; a line each.</summary>
    public Action<string>? Warn { get; set; }

    /// <summary>There is, or has been, a bridge that is not inspected.</summary>
    public bool HasOtherBridges { get; private set; }

    /// <summary>The first of those comes; before it has ports.</summary>
    public Action? OtherBridge { get; set; }

    /// <summary>Finds the links of all devices, for checks before anything is attached.</summary>
    public static AttachmentError? Snapshot(List<LinkRecord> links) => Snapshot(links, out _);

    /// <param name="links">Where they go.</param>
    /// <param name="isWhole">False: links came or went while they were listed, again and again, so that some may be missing.</param>
    private static AttachmentError? Snapshot(List<LinkRecord> links, out bool isWhole)
    {
        isWhole = false;
        using NetlinkSocket? socket = NetlinkSocket.TryOpen(0);
        if (socket is null || !RouteNetlink.RequestLinks(socket))
        {
            return Failed();
        }

        byte[] buffer = new byte[DatagramBytes];
        for (int tries = 1; ; tries++)
        {
            bool isDone = false;
            bool isInterrupted = false;
            while (!isDone)
            {
                int length = socket.Receive(buffer);
                if (length <= 0)
                {
                    return Failed();
                }

                RouteNetlink.ReadLinks(buffer.AsSpan(0, length), links, out isDone);
                isInterrupted |= RouteNetlink.IsInterrupted(buffer.AsSpan(0, length));
            }

            isWhole = !isInterrupted;
            if (isWhole || tries == MaxSnapshots)
            {
                return null;
            }

            links.Clear();
            if (!RouteNetlink.RequestLinks(socket))
            {
                return Failed();
            }
        }
    }

    /// <summary>Begins to listen and attaches every port there is; again, after a first time with ports that waited.</summary>
    public AttachmentError? Start()
    {
        _socket ??= NetlinkSocket.TryOpen(RouteNetlink.GroupLink);
        return _socket is null ? Failed() : Synchronize();
    }

    /// <summary>Handles what has happened, or waits for it as long as given.</summary>
    public void Poll(int timeoutMs)
    {
        if (_isBehind)
        {
            CatchUp();
        }

        while (_socket!.Wait(timeoutMs))
        {
            timeoutMs = 0;
            int length = _socket.Receive(_buffer);
            if (length < 0 && Libc.LastError() == Libc.ErrorNoBuffers)
            {
                Overruns++;
                CatchUp();
                return;
            }

            if (length > 0)
            {
                _links.Clear();
                RouteNetlink.ReadLinks(_buffer.AsSpan(0, length), _links, out _);
                _links.ForEach(Handle);
                Handled?.Invoke();
            }
        }
    }

    /// <summary>What the kernel told at once has been done.</summary>
    public Action? Handled { get; set; }

    /// <summary>How often the kernel had more to tell than it could keep for us.</summary>
    public int Overruns { get; private set; }

    public void Dispose() => _socket?.Dispose();

    /// <summary>Messages were lost: looks at everything again. What waits still is older than that, and would bring back ports that have gone.</summary>
    private void CatchUp()
    {
        while (_socket!.Wait(0))
        {
            _socket.Receive(_buffer);
        }

        if (Synchronize() is { } error)
        {
            if (!_isBehind)
            {
                Warn?.Invoke($"ports may be missing, their list is read again: {error.Message}");
            }

            _isBehind = true;
        }

        Handled?.Invoke();
    }

    private AttachmentError? Synchronize()
    {
        List<LinkRecord> all = [];
        AttachmentError? error = Snapshot(all, out bool isWhole);
        if (error is not null)
        {
            return error;
        }

        _isBehind = !isWhole;

        // Bridges first, so that their ports are recognised.
        foreach (LinkRecord link in all.OrderBy(link => bridgeNames.Contains(link.Name) ? 0 : 1))
        {
            Handle(link);
        }

        foreach (PortInfo gone in table.All.Where(port => isWhole && all.TrueForAll(link => link.IfIndex != port.IfIndex)).ToArray())
        {
            attacher.Detach(gone);
        }

        return null;
    }

    private void Handle(LinkRecord link)
    {
        PortInfo? known = table.FindByIfIndex(link.IfIndex);
        if (link.IsBridgeMessage)
        {
            // Of these only "is no longer a port" says more than the device's own messages.
            if (link.IsGone && known is { Role: not PortRole.Host })
            {
                attacher.Detach(known);
            }

            return;
        }

        if (link.IsGone)
        {
            HandleGone(link, known);
            return;
        }

        string? bridge = BridgeOf(link);
        if (known is not null && (bridge is null || bridge != known.Bridge))
        {
            attacher.Detach(known);
            known = null;
        }

        if (bridge is null)
        {
            return;
        }

        if (known is not null)
        {
            attacher.Update(known, link);
        }
        else
        {
            Attach(link, bridge);
        }
    }

    private string? BridgeOf(LinkRecord link)
    {
        if (bridgeNames.Contains(link.Name) && link.Kind == "bridge")
        {
            _bridges[link.IfIndex] = link.Name;
            return link.Name;
        }

        if (link.Kind == "bridge" && !HasOtherBridges)
        {
            HasOtherBridges = true;
            OtherBridge?.Invoke();
        }

        return _bridges.GetValueOrDefault(link.Master);
    }

    private void HandleGone(LinkRecord link, PortInfo? known)
    {
        if (known is not null)
        {
            attacher.Detach(known);
        }

        if (_bridges.Remove(link.IfIndex, out string? name))
        {
            Warn?.Invoke($"bridge {name} has been removed");
        }
    }

    private void Attach(LinkRecord link, string bridge)
    {
        if (attacher.Waits(link, bridge))
        {
            return;
        }

        ushort bridgeId = (ushort)(bridgeNames.TakeWhile(name => name != bridge).Count() + 1);
        PortInfo? port = attacher.Attach(link, bridge, bridgeId);
        if (port is null)
        {
            Warn?.Invoke($"port {link.Name} of bridge {bridge} is not inspected: more than 4094 ports");
        }
        else if (port.Uncovered is not null)
        {
            Warn?.Invoke($"port {link.Name} of bridge {bridge} is not inspected: {port.Uncovered}");
        }
    }

    private static AttachmentError Failed() => new(AttachmentErrorKind.Failed, $"route netlink: {Libc.LastMessage()}");
}
