// How long a session may still last, once that is worth knowing.

/** From when on it is shown, in seconds. */
const SHOWN_SECONDS = 5 * 60;
const TICK_MS = 1000;

export class Countdown {
  private timer: number | undefined;

  constructor(private readonly place: HTMLElement) {}

  /** `ends`: Unix seconds; 0: there is no end. */
  until(ends: number): void {
    clearInterval(this.timer);
    this.place.textContent = "";
    if (ends <= 0) return;
    const tick = () => this.show(ends - Math.floor(Date.now() / 1000));
    this.timer = window.setInterval(tick, TICK_MS);
    tick();
  }

  private show(left: number): void {
    if (left > SHOWN_SECONDS) return;
    const whole = Math.max(0, left);
    const seconds = String(whole % 60).padStart(2, "0");
    this.place.textContent = `This session ends in ${Math.floor(whole / 60)}:${seconds}`;
  }
}
