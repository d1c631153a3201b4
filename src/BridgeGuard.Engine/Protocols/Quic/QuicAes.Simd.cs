using System.Runtime.Intrinsics;

namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>AES by the processor's instructions; <see cref="EncryptPlain"/> is its twin.</summary>
internal sealed partial class QuicAes
{
    internal static bool IsAccelerated => System.Runtime.Intrinsics.X86.Aes.IsSupported;

    private void EncryptAccelerated(ReadOnlySpan<byte> block, Span<byte> output)
    {
        ReadOnlySpan<byte> schedule = _schedule;
        Vector128<byte> state = Vector128.Create(block) ^ Vector128.Create(schedule);
        for (int round = 1; round < Rounds; round++)
        {
            state = System.Runtime.Intrinsics.X86.Aes.Encrypt(state, Vector128.Create(schedule[(round * BlockBytes)..]));
        }

        System.Runtime.Intrinsics.X86.Aes.EncryptLast(state, Vector128.Create(schedule[(Rounds * BlockBytes)..])).CopyTo(output);
    }
}
