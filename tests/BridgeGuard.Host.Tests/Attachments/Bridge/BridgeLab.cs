using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using BridgeGuard.Attachments.Interop;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>A bridge with two guests in network namespaces of their own, removed at the end. veth stands in for virtio: GSO and partial checksums.</summary>
internal sealed class BridgeLab : IDisposable
{
    public const string AddressA = "10.77.0.1";
    public const string AddressB = "10.77.0.2";
    public const string AddressHost = "10.77.0.254";
    public const string Address6A = "fd77::1";
    public const string Address6B = "fd77::2";
    public const string MacA = "02:77:00:00:00:01";
    public const string MacB = "02:77:00:00:00:02";

    private const int CloneNewNet = 0x40000000;
    private static int s_count;

    private readonly List<string> _namespaces = [];

    /// <param name="withIp">Off: nothing but what a test sends is on the wire.</param>
    public BridgeLab(bool withIp = true)
    {
        SkipUnlessPossible();
        string prefix = $"bgt{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}";
        (Host, A, B) = ($"{prefix}-h", $"{prefix}-a", $"{prefix}-b");
        foreach (string name in (string[])[Host, A, B])
        {
            Ip($"netns add {name}");
            _namespaces.Add(name);
            Ip($"-n {name} link set lo up");
        }

        Ip($"-n {Host} link add br0 type bridge forward_delay 0 mcast_snooping 0");
        if (!withIp)
        {
            _namespaces.ForEach(name => Run("ip", $"netns exec {name} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"));
        }

        Ip($"-n {Host} link set br0 up");
        if (!withIp)
        {
            AddWire(A, "pa", MacA);
            AddWire(B, "pb", MacB);
            Ip($"-n {Host} link set pa up");
            Ip($"-n {Host} link set pb up");
            Ip($"-n {A} link set eth0 up");
            Ip($"-n {B} link set eth0 up");
            return;
        }

        Ip($"-n {Host} addr add {AddressHost}/24 dev br0");
        AddGuest(A, "pa", MacA, AddressA, Address6A);
        AddGuest(B, "pb", MacB, AddressB, Address6B);
    }

    public string Host { get; }

    public string A { get; }

    public string B { get; }

    /// <summary>Plugs a guest in; the order is a manager's: enslave the port, then start the guest.</summary>
    public void AddGuest(string space, string port, string mac, string address, string address6)
    {
        AddWire(space, port, mac);
        Ip($"-n {space} addr add {address}/24 dev eth0");
        Ip($"-n {space} addr add {address6}/64 dev eth0 nodad");
        Thread.Sleep(200);
        Ip($"-n {Host} link set {port} up");
        Ip($"-n {space} link set eth0 up");
    }

    private void AddWire(string space, string port, string mac)
    {
        Ip($"link add {port} netns {Host} type veth peer name eth0 address {mac} netns {space}");
        Ip($"-n {Host} link set {port} master br0");
    }

    public string AddNamespace(string suffix)
    {
        string name = $"{Host}{suffix}";
        Ip($"netns add {name}");
        _namespaces.Add(name);
        return name;
    }

    /// <summary>Runs on a thread of its own inside a namespace; sockets made there stay there.</summary>
    public static T In<T>(string space, Func<T> action)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                Enter(space);
                result = action();
            }
            catch (Exception error)
            {
                failure = ExceptionDispatchInfo.Capture(error);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }

    /// <summary>Moves the calling thread (and threads that it starts) into a namespace.</summary>
    public static void Enter(string space)
    {
        using FileDescriptor fd = new(Libc.Open($"/run/netns/{space}", 0));
        if (fd.IsInvalid || Libc.SetNamespace(fd.Value, CloneNewNet) != 0)
        {
            throw new InvalidOperationException($"cannot enter {space}: {Libc.LastMessage()}");
        }
    }

    public static Socket Udp(string space, string? bind = null, int port = 0, string? to = null, int toPort = 0) => In(space, () =>
    {
        IPAddress address = bind is null ? IPAddress.Any : IPAddress.Parse(bind);
        Socket socket = new(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 1000 };
        socket.Bind(new IPEndPoint(address, port));
        if (to is not null)
        {
            socket.Connect(IPAddress.Parse(to), toPort);
        }

        return socket;
    });

    public static Socket Listen(string space, int port) => In(space, () =>
    {
        Socket socket = new(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
        socket.Listen(16);
        return socket;
    });

    /// <summary>Connects within the time, or gives null.</summary>
    public static Socket? Connect(string space, string address, int port, int timeoutMs = 3000) => In(space, () =>
    {
        IPAddress ip = IPAddress.Parse(address);
        Socket socket = new(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = timeoutMs, SendTimeout = timeoutMs, NoDelay = true };
        Task connecting = socket.ConnectAsync(ip, port);
        try
        {
            if (connecting.Wait(timeoutMs))
            {
                return socket;
            }
        }
        catch (AggregateException)
        {
        }

        socket.Dispose();
        return null;
    });

    /// <summary>Whether one echo request is answered within a second.</summary>
    public static bool Ping(string space, string address) => Echo.Answers(space, address);

    public static string Ip(string arguments)
    {
        (int code, string output) = Run("ip", arguments);
        return code == 0 ? output : throw new InvalidOperationException($"ip {arguments}: {output}");
    }

    public static (int Code, string Output) Run(string program, string arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }

    /// <summary>Waits until a condition holds; false when it never did.</summary>
    public static bool Until(Func<bool> condition, int timeoutMs = 5000)
    {
        long end = Environment.TickCount64 + timeoutMs;
        while (!condition())
        {
            if (Environment.TickCount64 > end)
            {
                return false;
            }

            Thread.Sleep(5);
        }

        return true;
    }

    public void Dispose() => _namespaces.ForEach(name => Run("ip", $"netns del {name}"));

    private static void SkipUnlessPossible()
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
        {
            Assert.Skip("needs root on Linux to make network namespaces");
        }

        if (!File.Exists("/dev/net/tun"))
        {
            Assert.Skip("needs /dev/net/tun");
        }

        if (Environment.OSVersion.Version < new Version(6, 1))
        {
            Assert.Skip($"needs Linux 6.1 or newer; this is {Environment.OSVersion.Version}");
        }

        if (!File.Exists("/usr/sbin/ip") && !File.Exists("/sbin/ip") && !File.Exists("/usr/bin/ip"))
        {
            Assert.Skip("needs iproute2");
        }
    }
}
