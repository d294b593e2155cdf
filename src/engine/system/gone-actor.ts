/** A reference to an actor that is gone. Nothing that it is sent arrives. */
export class GoneActor {
  readonly birth: number;
  readonly id: string;
  readonly sessionId: string;

  constructor(birth: number) {
    this.birth = birth;
    this.id = `gone-${birth}`;
    this.sessionId = this.id;
  }

  send(): void {}
  _send(): void {}

  getSnapshot(): undefined {
    return undefined;
  }

  subscribe(): { unsubscribe(): void } {
    return { unsubscribe() {} };
  }

  on(): { unsubscribe(): void } {
    return { unsubscribe() {} };
  }
}
