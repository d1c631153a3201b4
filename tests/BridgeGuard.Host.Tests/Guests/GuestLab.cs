using System.Net.Sockets;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Policies;
using BridgeGuard.Host.Tests.Running;

namespace BridgeGuard.Host.Tests.Guests;

/// <summary>A guest of the lab: a namespace behind a port of the bridge.</summary>
internal sealed record LabGuest(string Name, string Role, string Space, string Port, string Mac, string Address);

/// <summary>A bridge with guests of given roles, the shipped roles, and the whole program on it.</summary>
internal sealed class GuestLab : IDisposable
{
    private readonly List<Socket> _sockets = [];

    /// <param name="roles">One guest each.</param>
    /// <param name="rules">Rules in force.</param>
    /// <param name="more">Further lines of the configuration.</param>
    /// <param name="processes">2, as installed, or 1: all in one.</param>
    /// <param name="roleFiles">More role files beside the shipped ones.</param>
    public GuestLab(IReadOnlyList<string> roles, string rules, string more = "", int processes = 2, string? roleFiles = null)
    {
        Bridge = new BridgeLab(withIp: true);
        for (int i = 0; i < roles.Count; i++)
        {
            string space = Bridge.AddNamespace($"-g{i}");
            LabGuest guest = new($"{roles[i]}-{i}", roles[i], space, $"pg{i}", $"02:77:00:00:01:{i + 16:x2}", $"10.77.0.{i + 16}");
            Bridge.AddGuest(space, guest.Port, guest.Mac, guest.Address, $"fd77::{i + 16:x}");
            Guests.Add(guest);
        }

        string guests = string.Join('\n', Guests.Select(g => $"  - {{name: {g.Name}, role: {g.Role}, ports: [{g.Port}], macs: [\"{g.Mac}\"]}}"));
        string targets = Guests.Any(g => g.Role == "default") ? $"targets:\n  - {{name: honeypot, address: {Guests.First(g => g.Role == "default").Address}, mac: \"{Guests.First(g => g.Role == "default").Mac}\"}}\n" : "";
        Daemon = new RunningDaemon(Bridge, rules, processes: processes, more: $"{targets}roles: [{ShippedRoles.RoleFolder}{(roleFiles is null ? "" : $", {roleFiles}")}]\nguests:\n{guests}\n{more}");
        Daemon.WaitForControl();
    }

    public BridgeLab Bridge { get; }

    public RunningDaemon Daemon { get; }

    public List<LabGuest> Guests { get; } = [];

    /// <summary>A server that answers every connection's first bytes, until the lab ends.</summary>
    public Socket Serve(LabGuest guest, int port)
    {
        Socket listener = BridgeLab.Listen(guest.Space, port);
        _sockets.Add(listener);
        new Thread(() =>
        {
            try
            {
                while (true)
                {
                    Socket connection = listener.Accept();
                    new Thread(() => Answer(connection)) { IsBackground = true }.Start();
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The lab has ended.
            }
        }) { IsBackground = true }.Start();
        return listener;
    }

    /// <summary>What a client sees of a request: <c>answer</c>, <c>reset</c> or <c>silence</c>.</summary>
    public static string Try(LabGuest from, LabGuest to, int port, string path)
    {
        using Socket? socket = BridgeLab.Connect(from.Space, to.Address, port, timeoutMs: 2500);
        if (socket is null)
        {
            return "silence";
        }

        try
        {
            socket.Send(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: {to.Name}\r\n\r\n"));
            return socket.Receive(new byte[100]) > 0 ? "answer" : "reset";
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted ? "reset" : "silence";
        }
    }

    /// <summary>The program with arguments, in the lab's host namespace.</summary>
    public (int Code, string Output) Program(string arguments) =>
        BridgeLab.Run("nsenter", $"--net=/run/netns/{Bridge.Host} dotnet {Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll")} {arguments}");

    public void Dispose()
    {
        _sockets.ForEach(s => s.Dispose());
        Daemon.Dispose();
        Bridge.Dispose();
    }

    private static void Answer(Socket connection)
    {
        using (connection)
        {
            try
            {
                byte[] buffer = new byte[2048];
                if (connection.Receive(buffer) > 0)
                {
                    connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"u8);
                    connection.Receive(buffer);
                }
            }
            catch (SocketException)
            {
                // Reset, as some attacks should be.
            }
        }
    }
}
