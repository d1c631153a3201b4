using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Files;

/// <summary>Keeps certificates for the operator (<c>tls-store</c>). Implemented outside: the engine writes no files.</summary>
/// <remarks>Thread: the worker's.</remarks>
public interface ICertificateStore
{
    /// <summary>A rule with <c>tls.store</c> has matched and the chain is there.</summary>
    /// <param name="packet">The packet that brought it this far.</param>
    /// <param name="flow">Its connection.</param>
    /// <param name="chain">Valid during the call.</param>
    void Store(Packet packet, Flow flow, ICertificateChain chain);
}

/// <summary>The certificates that one side of a connection sent, and what is told of the first.</summary>
public interface ICertificateChain
{
    int ChainLength { get; }

    /// <summary>The first certificate's subject as text; empty when it could not be read.</summary>
    ReadOnlySpan<byte> SubjectText { get; }

    ReadOnlySpan<byte> IssuerText { get; }

    /// <summary>SHA-1, hex digits with colons.</summary>
    ReadOnlySpan<byte> FingerprintText { get; }

    /// <summary>The DER bytes of a certificate; 0 is the sender's own.</summary>
    ReadOnlySpan<byte> Chain(int index);
}
