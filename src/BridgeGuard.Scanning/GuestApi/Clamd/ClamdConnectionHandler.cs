using BridgeGuard.Scanning.Pipeline;
using Microsoft.AspNetCore.Connections;

namespace BridgeGuard.Scanning.GuestApi.Clamd;

/// <summary>Accepts connections that speak the clamd protocol; one <see cref="ClamdSession"/> each.</summary>
internal sealed class ClamdConnectionHandler(
    ScanService scan, GuestApiOptions options, GuestLimiter limiter, GuestApiCounters counters, Action<GuestHit> onHit, TimeProvider time)
    : ConnectionHandler
{
    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        if (connection.Features.Get<GuestIdentity>() is not { } guest)
        {
            Interlocked.Increment(ref counters.RefusedValue);
            return;
        }

        var session = new ClamdSession(connection.Transport, scan, options, guest, limiter.For(guest), counters, onHit, time);
        try
        {
            await session.RunAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or ConnectionResetException or ConnectionAbortedException or IOException)
        {
            // The guest left, or kept still for too long.
        }
    }
}
