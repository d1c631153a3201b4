using System.Net;

namespace BridgeGuard.Scanning.GuestApi;

/// <summary>The guest behind a connection. It follows from the channel, never from what the guest says.</summary>
/// <param name="Id">As the attachment numbers guests.</param>
/// <param name="Name">For the ledger and metrics.</param>
public sealed record GuestIdentity(uint Id, string Name);

/// <summary>Tells which guest a connection comes from; null when it is none of ours: it gets no answer.</summary>
/// <param name="remote">The other end; for a unix socket the socket's own path, as one is made per guest.</param>
public delegate GuestIdentity? GuestLookup(EndPoint? remote);
