// Goes on by itself once every app has been told, or one of them takes too long; without scripts the button does.
// No module, for the reason given in return.js.
const { href } = document.querySelector('[data-leave]')
const leave = () => location.replace(href)
setTimeout(leave, 4000)
if (document.readyState === 'complete') leave()
else addEventListener('load', leave)
