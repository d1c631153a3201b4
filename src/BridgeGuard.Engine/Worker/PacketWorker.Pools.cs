using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Worker;

/// <content>Memory that is there before the traffic.</content>
public sealed partial class PacketWorker
{
    private bool _hasBegun;

    /// <summary>
    /// At the first tick, which is on the worker's own thread and which no frame waits for: makes what an inline worker would else make when traffic first rises.
    /// A replay is over before that would pay.
    /// </summary>
    private void Begin()
    {
        if (_hasBegun || !_settings.IsInline)
        {
            return;
        }

        _hasBegun = true;
        BlockCache.Fill();
        _tcp.Reassembler.FillPools();
        _shared.Expectations.Prepare();
    }
}
