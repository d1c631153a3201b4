namespace BridgeGuard.Outputs.Webhook;

/// <summary>One event in the journal.</summary>
/// <param name="Sequence">Order of arrival.</param>
/// <param name="Id">Header <c>webhook-id</c>, the same at each attempt: receivers recognise doubles by it.</param>
/// <param name="CreatedUs">When it was journaled, microseconds since the Unix epoch.</param>
/// <param name="Body">As it is sent.</param>
/// <param name="Attempts">Failed so far.</param>
public sealed record Delivery(long Sequence, string Id, long CreatedUs, byte[] Body, int Attempts);

/// <summary>A dead letter.</summary>
/// <param name="Id">Header <c>webhook-id</c>.</param>
/// <param name="CreatedUs">When it was journaled.</param>
/// <param name="Attempts">All of them failed.</param>
/// <param name="Error">What the last one said.</param>
public sealed record DeadLetter(string Id, long CreatedUs, int Attempts, string Error);
