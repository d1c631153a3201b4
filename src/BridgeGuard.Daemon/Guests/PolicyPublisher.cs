using BridgeGuard.Daemon.Plane;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Standing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Guests;

/// <summary>Tells the data plane of every change of guests and actions, and of all of them when it begins again.</summary>
public sealed partial class PolicyPublisher(GuestRegistry registry, GuestTable table, IDataPlane plane, ILogger<PolicyPublisher> logger) : IHostedService
{
    private readonly Lock _gate = new();
    /// <summary>Null until they are known: a data plane that has been inspecting goes on with those it has.</summary>
    private StandingAction[]? _actions;
    private bool _isReady;

    /// <summary>Other actions are in force.</summary>
    public void Apply(StandingAction[] actions)
    {
        lock (_gate)
        {
            _actions = actions;
        }

        Publish();
    }

    /// <summary>The actions in force with other guests and roles: what a reload is to bring.</summary>
    public PolicyMessage MessageFor(GuestSet guests, PolicyModel policy)
    {
        lock (_gate)
        {
            return PolicyMessage.Of(guests, policy, _actions ?? []);
        }
    }

    /// <summary>Says everything again: roles have changed.</summary>
    public void Renew()
    {
        table.Apply(registry.Current, registry.Policy);
        Publish();
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        plane.Ready += OnReady;
        registry.Changed += OnChanged;
        table.Apply(registry.Current, registry.Policy);

        // Whatever happened before we listened is said now; a data plane that is not there yet hears it when it is.
        OnReady();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        plane.Ready -= OnReady;
        registry.Changed -= OnChanged;
        return Task.CompletedTask;
    }

    private void OnReady()
    {
        _isReady = true;
        Publish();
    }

    private void OnChanged(GuestSet set)
    {
        table.Apply(set, registry.Policy);
        Publish();
    }

    private void Publish()
    {
        lock (_gate)
        {
            if (!_isReady || _actions is null)
            {
                return;
            }

            try
            {
                (GuestSet guests, PolicyModel policy) = registry.Snapshot();
                plane.Ask(PolicyMessage.Command, PolicyMessage.Of(guests, policy, _actions).ToNode());
            }
            catch (PlaneException e)
            {
                Log.NotTold(logger, e.Message);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(510, LogLevel.Warning, "the data plane was not told of guests and actions, it hears of them when it is ready: {Reason}")]
        public static partial void NotTold(ILogger logger, string reason);
    }
}
